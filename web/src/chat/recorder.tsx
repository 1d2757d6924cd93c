// The microphone, as long as its button is on.
import { useRef, useState } from "preact/hooks";
import { t } from "../i18n/language";

export function Recorder({ take, fail }: { take: (file: File) => void; fail: (why: string) => void }) {
  const running = useRef<MediaRecorder | null>(null);
  const [on, setOn] = useState(false);
  const begin = async () => {
    try {
      // Browsers give no microphone to pages of plain HTTP from elsewhere.
      if (!navigator.mediaDevices) throw new Error("https");
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const recorder = new MediaRecorder(stream);
      const pieces: Blob[] = [];
      recorder.ondataavailable = (e) => pieces.push(e.data);
      recorder.onstop = () => {
        stream.getTracks().forEach((track) => track.stop());
        setOn(false);
        take(new File(pieces, `${t("record").toLowerCase()}.wav`, { type: recorder.mimeType.replace(/^video/, "audio") }));
      };
      recorder.start();
      running.current = recorder;
      setOn(true);
    } catch (error) {
      fail((error as Error).message);
    }
  };
  return (
    <button type="button" aria-pressed={on} class={on ? "recording" : ""} onClick={() => (on ? running.current?.stop() : void begin())}>
      {t(on ? "record_stop" : "record")}
    </button>
  );
}
