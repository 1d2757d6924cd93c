// What cannot be shown is told in its place, and the rest of the page goes on.
import { Component, type ComponentChildren } from "preact";
import { t } from "../i18n/language";

interface Props {
  children: ComponentChildren;
  instead?: ComponentChildren; // shown with the reason
}

export class Boundary extends Component<Props, { why: string }> {
  override state = { why: "" };

  static override getDerivedStateFromError(error: unknown) {
    return { why: (error instanceof Error && error.message) || String(error) };
  }

  override render() {
    if (!this.state.why) return this.props.children;
    return (
      <>
        {this.props.instead}
        <p class="problem" role="alert">{t("not_shown", { why: this.state.why })}</p>
      </>
    );
  }
}
