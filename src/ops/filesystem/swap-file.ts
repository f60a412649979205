import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileFault } from '../../content/file-fault.ts';
import { OciError, quoted } from '../../errors.ts';

/**
 * Pages of one size in a temporary file that only this user can read. It is made when the first page is written, and has lost
 * its name by then where the system allows it, so that nothing is left however the process ends. Reading and writing wait for
 * the disk, which for pages means the memory that the system keeps files in.
 */
export class SwapFile implements Disposable {
  readonly #directory: string | undefined;
  readonly #pageSize: number;
  #file: { readonly handle: number; readonly path: string } | undefined;
  #end = 0;
  readonly #free: number[] = [];

  /** @param directory has to exist @default the system's directory for temporary files */
  constructor(directory: string | undefined, pageSize: number) {
    this.#directory = directory;
    this.#pageSize = pageSize;
  }

  /** A place for one page. */
  allocate(): number {
    return this.#free.pop() ?? this.#end++;
  }

  free(place: number): void {
    this.#free.push(place);
  }

  /** @throws {OciError} `FILE_SYSTEM` */
  write(place: number, page: Uint8Array): void {
    const { handle, path } = (this.#file ??= this.#create());
    try {
      for (let done = 0; done < page.length;) {
        done += writeSync(handle, page, done, page.length - done, place * this.#pageSize + done);
      }
    } catch (error) {
      throw fileFault(error, 'write', path);
    }
  }

  /** @throws {OciError} `FILE_SYSTEM` */
  read(place: number, page: Uint8Array): void {
    const { handle, path } = (this.#file ??= this.#create());
    let done = 0;
    try {
      for (let count = -1; done < page.length && count !== 0; done += count) {
        count = readSync(handle, page, done, page.length - done, place * this.#pageSize + done);
      }
    } catch (error) {
      throw fileFault(error, 'read', path);
    }
    if (done < page.length) throw new OciError('FILE_SYSTEM', `The temporary file ${quoted(path)} was cut short`);
  }

  [Symbol.dispose](): void {
    if (this.#file === undefined) return;
    const { handle, path } = this.#file;
    this.#file = undefined;
    closeSync(handle);
    rmSync(path, { force: true });
  }

  #create(): { readonly handle: number; readonly path: string } {
    const path = join(this.#directory ?? tmpdir(), `crane-oci-${randomBytes(12).toString('hex')}`);
    try {
      const handle = openSync(path, 'wx+', 0o600);
      removeName(path);
      return { handle, path };
    } catch (error) {
      throw fileFault(error, 'write', path);
    }
  }
}

/** Not every system lets go of the name of a file that is open; then it goes at the end. */
function removeName(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}
