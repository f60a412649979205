import { messageOf, type OciError } from '../../errors.ts';
import type { CopySummary } from '../../ops/copy-options.ts';
import { SilentFailure } from '../report-error.ts';
import type { Session } from '../session.ts';
import type { Tree } from './tree.ts';

/** Of more the start is enough: each was told when it happened. */
const maxShown = 100;

/** What a registry refuses may be this repository only. */
const ofOneRepository: ReadonlySet<string> = new Set(['UNAUTHORIZED', 'DENIED', 'NOT_FOUND', 'RESPONSE']);

/** What came of many, kept in numbers. */
export class TreeReport {
  readonly #session: Session;
  readonly #failures: string[] = [];
  #failed = 0;
  #repositories = 0;
  #copied = 0;
  #tags = 0;
  #equal = 0;
  #blobs = 0;
  #bytes = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  get failed(): number {
    return this.#failed;
  }

  repository(equal: number): void {
    this.#repositories++;
    this.#equal += equal;
  }

  /** One manifest, with how many tags were written for it. */
  image(isChanged: boolean, tags: number): void {
    if (!isChanged) {
      this.#equal++;
      return;
    }
    this.#copied++;
    this.#tags += tags;
  }

  moved({ blobs, bytes }: CopySummary): void {
    this.#blobs += blobs;
    this.#bytes += bytes;
  }

  failure(what: string, error: unknown): void {
    this.#failed++;
    const message = messageOf(error);
    const text = message.includes(what) ? message : `${what}: ${message}`;
    if (this.#failures.length < maxShown) this.#failures.push(text);
    this.#session.log.line(`Failed ${text}`);
  }

  /** What a walk that only reads does with a repository that it may not read. A registry that is not there ends it. */
  unreadable(tree: Tree): (path: string, error: OciError) => void {
    return (path, error) => {
      if (!ofOneRepository.has(error.code)) throw error;
      this.failure(tree.nameOf(path), error);
    };
  }

  /** `Copied 12 images (15 tags, 30 blobs, 12345 bytes) of 3 repositories; 5 there already; 1 failed`. */
  copied(): string {
    const moved = [amount(this.#tags, 'tag'), amount(this.#blobs, 'blob'), amount(this.#bytes, 'byte')].join(', ');
    const failed = this.#failed === 0 ? '' : `; ${this.#failed} failed`;
    return `Copied ${amount(this.#copied, 'image')} (${moved}) of ${repositories(this.#repositories)}; ${this.#equal} there already${failed}`;
  }

  /** `3 repositories: 12 images to copy, 5 there already`. */
  planned(): string {
    const failed = this.#failed === 0 ? '' : `; ${this.#failed} failed`;
    return `${repositories(this.#repositories)}: ${amount(this.#copied, 'image')} to copy, ${this.#equal} there already${failed}`;
  }

  /**
   * All failures once more at the end, where they are seen.
   *
   * @throws {SilentFailure} when there were any
   */
  end(what: string): void {
    if (this.#failed === 0) return;
    const { log } = this.#session;
    log.plain(`Error: ${what}; ${this.#failed} failed:`);
    for (const text of this.#failures) log.plain(`  ${text}`);
    if (this.#failed > this.#failures.length) log.plain(`  and ${this.#failed - this.#failures.length} more`);
    throw new SilentFailure();
  }
}

export function amount(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

export function repositories(count: number): string {
  return `${count} ${count === 1 ? 'repository' : 'repositories'}`;
}
