// The microphone, as long as its button is on.
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/language";

const release = (stream: MediaStream) => stream.getTracks().forEach((track) => track.stop());

export function Recorder({ take, fail }: { take: (file: File) => void; fail: (why: string) => void }) {
  // From the click until its sound is taken, so that there is one at most. "asked": the microphone is not allowed yet.
  const running = useRef<MediaRecorder | "asked" | null>(null);
  const gone = useRef(false);
  const [on, setOn] = useState(false);
  // With the button goes what it would have stopped. A piece that was ended before is still taken.
  useEffect(
    () => () => {
      gone.current = true;
      const recorder = running.current;
      if (!recorder || recorder === "asked" || recorder.state !== "recording") return;
      recorder.onstop = null;
      recorder.stop();
      release(recorder.stream);
    },
    [],
  );
  const begin = async () => {
    running.current = "asked";
    try {
      // Browsers give no microphone to pages of plain HTTP from elsewhere.
      if (!navigator.mediaDevices) throw new Error("https");
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      if (gone.current) return release(stream); // whoever was asked for it answered too late
      const recorder = new MediaRecorder(stream);
      const pieces: Blob[] = [];
      recorder.ondataavailable = (e) => pieces.push(e.data);
      recorder.onstop = () => {
        release(stream);
        running.current = null;
        setOn(false);
        take(new File(pieces, `${t("record").toLowerCase()}.wav`, { type: recorder.mimeType.replace(/^video/, "audio") }));
      };
      recorder.start();
      running.current = recorder;
      setOn(true);
    } catch (error) {
      running.current = null;
      fail((error as Error).message);
    }
  };
  const press = () => {
    if (!running.current) void begin();
    else if (running.current !== "asked" && running.current.state === "recording") running.current.stop();
  };
  return (
    <button type="button" aria-pressed={on} class={on ? "recording" : ""} onClick={press}>
      {t(on ? "record_stop" : "record")}
    </button>
  );
}
