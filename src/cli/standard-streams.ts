import { OciError } from '../errors.ts';
import { UsageError } from './framework/usage-error.ts';
import type { Input, Output, Process } from './process.ts';

/** What standard input and output are used for: each for one thing in a run. */
export class StandardStreams {
  readonly #process: Pick<Process, 'stdin' | 'stdout'>;
  #input: string | undefined;
  #carriesArchive = false;
  #carriesJson = false;

  constructor(process: Pick<Process, 'stdin' | 'stdout'>) {
    this.#process = process;
  }

  /** Whether an archive goes to standard output, so that nothing else may. */
  get carriesArchive(): boolean {
    return this.#carriesArchive;
  }

  /** Standard output gets a JSON document, and so no archive. To be called before an archive is meant for it. */
  reserveForJson(): void {
    this.#carriesJson = true;
  }

  /**
   * Standard input, which can be read once.
   *
   * @param what it is read as, with its article: `the new config`
   * @throws {UsageError} when it was read as something else
   */
  input(what: string): Input {
    this.#input ??= what;
    if (this.#input === what) return this.#process.stdin;
    throw new UsageError(
      `standard input (-) can be one thing only: it is ${this.#input} already, and cannot be ${what}, too; put one of them into a file`,
    );
  }

  /**
   * Standard input as an archive of images.
   *
   * @throws {UsageError} when it was read as something else; {OciError} `NOT_FOUND` when nothing is piped in
   */
  archiveInput(): Input {
    if (!this.#process.stdin.isTTY) return this.input('an archive of images');
    throw new OciError('NOT_FOUND', 'There is no archive on standard input', {
      hint: 'Pipe one in: docker save IMAGE | crane push - REF',
    });
  }

  /**
   * To be called before anything is read.
   *
   * @throws {UsageError} where JSON goes to standard output; {OciError} `UNSUPPORTED` when an archive would be shown on a terminal
   */
  checkArchiveOutput(): void {
    if (this.#carriesJson) {
      throw new UsageError('standard output can be one thing only: with --json the archive has to go to a file');
    }
    if (!this.#process.stdout.isTTY) return;
    throw new OciError('UNSUPPORTED', 'An archive of images cannot be shown on the terminal', {
      hint: 'Redirect standard output (> FILE, or | PROGRAM), or name a file',
    });
  }

  /** Standard output for an archive of images; from now on nothing else goes there. @throws as {@link checkArchiveOutput} */
  archiveOutput(): Output {
    this.checkArchiveOutput();
    this.#carriesArchive = true;
    return this.#process.stdout;
  }
}
