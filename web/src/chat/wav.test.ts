import { expect, test } from "vitest";
import { wav } from "./wav";

test("a WAV file says what is in it", () => {
  const file = new DataView(wav(new Float32Array([0, 1, -2]), 16000));
  const word = (at: number) => String.fromCharCode(...[0, 1, 2, 3].map((i) => file.getUint8(at + i)));
  expect([word(0), word(8), word(36)]).toEqual(["RIFF", "WAVE", "data"]);
  expect(file.byteLength).toBe(50);
  expect(file.getUint32(24, true)).toBe(16000);
  expect([44, 46, 48].map((at) => file.getInt16(at, true))).toEqual([0, 32767, -32767]);
});
