import type { ProgressEvent } from '../../store/progress.ts';
import type { Log } from '../log.ts';
import type { Process } from '../process.ts';
import type { ProgressDisplay } from './display.ts';
import type { LiveOutput } from './live-output.ts';
import type { ProgressMode } from './mode.ts';

/** Where displays draw. */
export interface ProgressContext {
  readonly process: Process;
  readonly output: LiveOutput;
  readonly log: Log;
}

/** What a run of the program shows about content on the move. The display is loaded with the first event. */
export class Progress {
  readonly #mode: Exclude<ProgressMode, 'auto'>;
  readonly #context: ProgressContext;
  #display: ProgressDisplay | undefined;
  #loading: Promise<void> | undefined;
  /** Events that came before the display. */
  #early: ProgressEvent[] = [];

  constructor(mode: Exclude<ProgressMode, 'auto'>, context: ProgressContext) {
    this.#mode = mode;
    this.#context = context;
  }

  /** For `onProgress` of the library; `undefined` when nobody looks. */
  get onEvent(): ((event: ProgressEvent) => void) | undefined {
    return this.#mode === 'none' ? undefined : this.#event;
  }

  /** Takes away what is drawn, and says in short what was moved. */
  async end(): Promise<void> {
    await this.#loading;
    this.#display?.end();
  }

  readonly #event = (event: ProgressEvent): void => {
    if (this.#display !== undefined) return this.#display.event(event);
    this.#early.push(event);
    this.#loading ??= this.#load();
  };

  async #load(): Promise<void> {
    const display = await createDisplay(this.#mode, this.#context);
    for (const event of this.#early) display.event(event);
    this.#early = [];
    this.#display = display;
  }
}

async function createDisplay(mode: ProgressMode, context: ProgressContext): Promise<ProgressDisplay> {
  if (mode === 'json') return new (await import('./json-lines.ts')).JsonLines(context);
  if (mode === 'plain') return new (await import('./plain-lines.ts')).PlainLines(context);
  return new (await import('./bars.ts')).Bars(context);
}
