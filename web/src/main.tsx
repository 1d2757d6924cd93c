import { render } from "preact";
import { Page } from "./shell/page";
import { openConversations } from "./chat/conversations";
import { followStatus } from "./status";
import "./style.css";

openConversations();
followStatus();
render(<Page />, document.getElementById("page")!);
