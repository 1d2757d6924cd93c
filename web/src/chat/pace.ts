// Work in small pieces, so that much of it at once does not hold up the page.
const slice = 8; // ms: half a frame
let waiting: (() => void)[] = [];
let running = false;

function go() {
  const end = performance.now() + slice;
  let done = 0;
  while (done < waiting.length && performance.now() < end) waiting[done++]!();
  waiting = waiting.slice(done);
  running = waiting.length > 0;
  if (running) setTimeout(go);
}

// At once where nothing else waits, in its turn otherwise.
export function inTurn(work: () => void) {
  waiting.push(work);
  if (running) return;
  running = true;
  go();
}
