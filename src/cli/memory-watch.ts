/** Bytes of buffers from which on it is looked whether they are still used. What a command needs of them at a time is half of it. */
const usualBytes = 40_000_000;
/** So many more than are used may gather. */
const room = 16_000_000;
/** Bytes of the heap from which on its part for new objects grows no more: by itself it goes up to three times 16 MiB. */
const usualHeap = 24_000_000;
/** Milliseconds between two looks, while something moves and while nothing does. A look takes 15 microseconds. */
const [busy, idle] = [20, 160];

/**
 * Has the memory of buffers that nobody uses any longer given back in time. The engine lets them gather up to 100 MB before it
 * looks at all of them: it goes by its heap, of which a stream of bytes needs little. A line that is slower than we are is the
 * worst case, since every buffer is then kept until the engine takes it for one that stays. Nothing is done for what moves
 * little.
 */
export function watchMemory(): void {
  const watch = new MemoryWatch();
  let bytes = 0;
  let delay: number = busy;
  look();

  function look(): void {
    const usage = process.memoryUsage();
    delay = usage.arrayBuffers === bytes ? Math.min(2 * delay, idle) : busy;
    bytes = usage.arrayBuffers;
    watch.look(usage);
    setTimeout(look, delay).unref();
  }
}

type Usage = Pick<NodeJS.MemoryUsage, 'arrayBuffers' | 'heapTotal'>;

class MemoryWatch {
  #most = usualBytes;
  #before: 'nothing' | 'young' | 'all' = 'nothing';
  #isCapped = false;
  #engine: Promise<Engine> | undefined;

  /** What was given back shows at the next look only, since another thread does that. */
  look({ arrayBuffers, heapTotal }: Usage): void {
    if (!this.#isCapped && heapTotal > usualHeap) {
      this.#isCapped = true;
      this.#with((engine) => engine.capNewSpace());
    }
    const before = this.#before;
    this.#before = 'nothing';
    // What is really used sets the next limit: looking at it in vain again and again would only take time.
    if (before === 'all') this.#most = Math.max(usualBytes, arrayBuffers + room);
    if (arrayBuffers < this.#most) return;
    const what = before === 'young' ? 'all' : 'young';
    this.#before = what;
    this.#with((engine) => engine.collect(what));
  }

  #with(use: (engine: Engine) => void): void {
    this.#engine ??= loadEngine();
    void this.#engine.then(use);
  }
}

interface Engine {
  /** The young ones cost half a millisecond, all of them five, for a heap of the usual size. */
  collect(what: 'young' | 'all'): void;
  capNewSpace(): void;
}

/** Loaded by those who need it: most commands are over before. */
async function loadEngine(): Promise<Engine> {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import('node:v8'), import('node:vm')]);
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void;
  setFlagsFromString('--no-expose-gc');
  return {
    // Node 20 takes any object for the young ones.
    collect: (what) => (what === 'all' ? gc() : gc({ type: 'minor' })),
    capNewSpace: () => setFlagsFromString('--semi-space-growth-factor=1'),
  };
}
