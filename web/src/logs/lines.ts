// The log's lines as they are shown: of one server after another, each line once.
export interface Line {
  run: string; // of which server: each counts its lines from 1
  id: number;
  at: string;
  level: string;
  text: string;
}

// Lines that are there already take the place of themselves. Those of a server that has gone stay before those of the next.
export function joined(old: Line[], came: Line[], most: number): Line[] {
  const all = new Map<string, Line>();
  for (const line of [...old, ...came]) all.set(`${line.run} ${line.id}`, line);
  return [...all.values()].slice(-most);
}

// Is this the first line of another server than the one before?
export const isSeam = (before: Line | undefined, line: Line) => before !== undefined && before.run !== line.run;
