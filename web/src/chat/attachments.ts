// Files as the API takes them: pictures made small, sound made a WAV file.
import type { Attachment } from "./message";
import { wav } from "./wav";

const longest = 1536; // pixels; what a projector sees is smaller
const rate = 16_000; // Hz; what the engine hears

export function fitted(width: number, height: number): [number, number] {
  const scale = Math.min(1, longest / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

async function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

async function picture(file: Blob): Promise<string> {
  const bitmap = await createImageBitmap(file);
  const [width, height] = fitted(bitmap.width, bitmap.height);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")!.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return file.type === "image/png" ? canvas.toDataURL("image/png") : canvas.toDataURL("image/jpeg", 0.9);
}

export async function sound(file: Blob): Promise<string> {
  const bytes = await file.arrayBuffer();
  const context = new OfflineAudioContext(1, 1, rate); // decodes to its own rate
  const heard = await context.decodeAudioData(bytes);
  const mono = new OfflineAudioContext(1, heard.length, rate);
  const source = mono.createBufferSource();
  source.buffer = heard;
  source.connect(mono.destination);
  source.start();
  const samples = (await mono.startRendering()).getChannelData(0);
  return dataUrl(new Blob([wav(samples, rate)], { type: "audio/wav" }));
}

export async function attachment(file: File): Promise<Attachment> {
  const kind = file.type.startsWith("audio/") ? "audio" : "image";
  return { kind, name: file.name, url: await (kind === "audio" ? sound(file) : picture(file)) };
}
