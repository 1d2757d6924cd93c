// The last ten minutes of the ledger, as this page has seen them.
export interface Sample {
  at: number;
  measured: number;
  reserved: number;
}

export const span = 10 * 60 * 1000;
export const samples: Sample[] = [];

export function remember(at: number, measured: number, reserved: number) {
  samples.push({ at, measured, reserved });
  while (samples.length > 0 && samples[0]!.at < at - span) samples.shift();
}
