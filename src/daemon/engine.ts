import { type ByteSource, type ByteStream, collect, discard } from '../content/bytes.ts';
import { OciError, quoted } from '../errors.ts';
import type { Digest } from '../oci/digest.ts';
import { formatPlatform, type Platform } from '../oci/platform.ts';
import type { CallOptions } from '../options.ts';
import { type EngineAddress, formatEngineAddress } from './engine-address.ts';
import { engineRefusal, messageIn, notEngine } from './engine-fault.ts';
import { EngineHttp, type EngineRequest, type EngineResponse } from './engine-http.ts';
import {
  type EngineImage,
  hasContainerdStore,
  imageIds,
  imageNames,
  type ListedEngineImage,
  listedImages,
  parseEngineImage,
} from './engine-image.ts';
import { type LoadAnswer, readLoadAnswer } from './load-answer.ts';

/** How long an engine may take, in milliseconds. */
export interface EngineTimeouts {
  /** Connecting and answering a question. @default 60_000 */
  readonly question: number;
  /** Without a byte while an image moves. @default 120_000 */
  readonly idle: number;
  /** Engines gather an image before they send it, and unpack one after they got it. @default 1_800_000 */
  readonly work: number;
}

export interface ConnectEngineOptions extends CallOptions {
  /** Speak this version of the API, as `1.41`. @default the newest that both sides know */
  readonly apiVersion?: string | undefined;
  readonly timeouts?: Partial<EngineTimeouts> | undefined;
}

/** The newest version whose answers this library knows, and the oldest that has what it needs. */
const newestVersion = '1.51';
const oldestVersion = '1.24';

/** Answers to questions are a few KiB long; those of images with thousands of names longer. */
const maxAnswer = 16 * 1024 * 1024;
const maxWords = 16 * 1024;

/**
 * Connects to a Docker engine, or to a podman service, which speaks the same. Whoever connects disposes of it.
 *
 * @throws {OciError} `NETWORK` when nothing answers there, or no engine; `DENIED` for a socket of somebody else; `TIMEOUT`;
 *   `UNSUPPORTED` for an API that is too old
 */
export async function connectEngine(address: EngineAddress, options: ConnectEngineOptions = {}): Promise<Engine> {
  const { signal, apiVersion, timeouts = {} } = options;
  const limits = { question: 60_000, idle: 120_000, work: 30 * 60_000, ...timeouts };
  const http = new EngineHttp(address);
  try {
    const doing = 'it was asked for its version';
    const answer = await http.send({
      method: 'GET',
      path: '/_ping',
      isFirst: true,
      timeout: limits.question,
      idle: limits.idle,
      doing,
      signal,
    });
    const text = Buffer.from(await collect(answer.body, maxAnswer)).toString();
    const theirs = answer.header('api-version');
    const name = formatEngineAddress(address);
    if (answer.status !== 200) {
      // Go's server, and a proxy that lets nobody through, answer before the engine is asked.
      if (theirs !== undefined || (answer.status >= 400 && answer.status !== 404)) {
        throw engineRefusal(answer.status, text, address, doing);
      }
      throw notEngine(address, `it answers with status ${answer.status}`);
    }
    if (theirs === undefined || !/^\d+\.\d+$/.test(theirs)) {
      throw notEngine(address, 'it does not say which API it speaks');
    }
    if (isOlder(theirs, oldestVersion)) {
      throw new OciError(
        'UNSUPPORTED',
        `The Docker engine at ${name} speaks API ${theirs}, ${oldestVersion} is needed`,
        {
          hint: 'Update the engine',
        },
      );
    }
    const version = apiVersion ?? (isOlder(theirs, newestVersion) ? theirs : newestVersion);
    return new Engine(http, version, answer.header('libpod-api-version') !== undefined, limits);
  } catch (error) {
    await http.close();
    throw error;
  }
}

/** A Docker engine's API, as far as images come and go. Docker Engine API, "Image". */
export class Engine implements AsyncDisposable {
  readonly #http: EngineHttp;
  readonly #timeouts: EngineTimeouts;
  /** Where it listens, as `unix:///var/run/docker.sock`. */
  readonly name: string;
  readonly apiVersion: string;
  readonly isPodman: boolean;
  /** How many questions are best asked at a time. */
  readonly atOnce: number;
  #keepsManifests: Promise<boolean> | undefined;

  constructor(http: EngineHttp, apiVersion: string, isPodman: boolean, timeouts: EngineTimeouts) {
    this.#http = http;
    this.#timeouts = timeouts;
    this.name = formatEngineAddress(http.address);
    this.apiVersion = apiVersion;
    this.isPodman = isPodman;
    // Each connection that is open is a program that runs.
    this.atOnce = http.address.kind === 'command' ? 1 : 4;
  }

  /** The image of a name or ID, `undefined` when there is none. @throws {OciError} */
  async inspect(name: string, { signal }: CallOptions = {}): Promise<EngineImage | undefined> {
    const query = isOlder(this.apiVersion, '1.48') ? '' : '?manifests=true';
    const doing = `it was asked for the image ${quoted(name)}`;
    const response = await this.#ask({ path: `/images/${escaped(name)}/json${query}`, doing, signal });
    if (response.status === 404) {
      await response.body.cancel();
      return undefined;
    }
    return parseEngineImage(await this.#answer(response, doing), this.name);
  }

  /** The names of all images that have one, as `repository:tag`. @throws {OciError} */
  async names({ signal }: CallOptions = {}): Promise<readonly string[]> {
    return imageNames(await this.#list(signal), this.name);
  }

  /** All images, as far as the list tells of them, the newest first. @throws {OciError} */
  async images({ signal }: CallOptions = {}): Promise<readonly ListedEngineImage[]> {
    return listedImages(await this.#list(signal), this.name);
  }

  /** The IDs of all images, the newest first. @throws {OciError} */
  async ids({ signal }: CallOptions = {}): Promise<readonly Digest[]> {
    return imageIds(await this.#list(signal), this.name);
  }

  /**
   * An image as `docker save` writes it.
   *
   * @param options.platform only the image for it, which engines know from API 1.48 on
   * @param options.called what messages call the image
   * @throws {OciError} `NOT_FOUND` and what the engine says
   */
  async save(
    name: string,
    options: CallOptions & { readonly platform?: Platform | undefined; readonly called?: string | undefined } = {},
  ): Promise<ByteStream> {
    const { platform, called = name, signal } = options;
    const doing = `saving the image ${quoted(called)}`;
    const query = new URLSearchParams({ names: name });
    if (platform !== undefined && !isOlder(this.apiVersion, '1.48')) query.set('platform', JSON.stringify(platform));
    const response = await this.#ask({
      path: `/images/get?${query.toString()}`,
      doing,
      signal,
      timeout: this.#timeouts.work,
    });
    if (response.status === 200) return response.body;
    const text = await words(response);
    if (response.status === 404) throw this.notFound(called, platform, text);
    throw engineRefusal(response.status, text, this.#http.address, doing);
  }

  /**
   * Hands over an archive. When this fails nothing of it has a name.
   *
   * @throws {OciError} `RESPONSE` when the engine could not load it, and what reading the archive throws
   */
  async load(archive: ByteSource, { signal }: CallOptions = {}): Promise<LoadAnswer> {
    const doing = 'loading an image';
    const response = await this.#ask({
      method: 'POST',
      // Its messages show that it still works.
      path: '/images/load?quiet=0',
      contentType: 'application/x-tar',
      body: archive,
      timeout: this.#timeouts.work,
      doing,
      signal,
    });
    if (response.status !== 200) {
      throw engineRefusal(response.status, await words(response), this.#http.address, doing);
    }
    return readLoadAnswer(response.body, this.name);
  }

  /** Gives an image one more name. @throws {OciError} `NOT_FOUND`, `RESPONSE` */
  async tag(image: string, repository: string, tag: string, { signal }: CallOptions = {}): Promise<void> {
    const doing = `naming an image ${quoted(`${repository}:${tag}`)}`;
    const query = new URLSearchParams({ repo: repository, tag });
    const path = `/images/${escaped(image)}/tag?${query.toString()}`;
    const response = await this.#ask({ method: 'POST', path, doing, signal });
    await this.#answer(response, doing, 201);
  }

  /** Whether it keeps manifests and indexes as they are, in containerd's image store. Asked until it has answered. */
  async keepsManifests({ signal }: CallOptions = {}): Promise<boolean> {
    // Asking takes the engine longer than other questions, and these never have it.
    if (this.isPodman || isOlder(this.apiVersion, '1.42')) return false;
    const asked = (this.#keepsManifests ??= this.#askForStore(signal));
    try {
      return await asked;
    } catch (error) {
      // The next call has a signal of its own, and perhaps more luck.
      if (this.#keepsManifests === asked) this.#keepsManifests = undefined;
      throw error;
    }
  }

  /** The failure to find an image. */
  notFound(name: string, platform?: Platform, words = ''): OciError {
    const which = platform === undefined ? '' : ` for ${formatPlatform(platform)}`;
    const message = messageIn(words);
    const said = message === '' || /no such image|does not exist/i.test(message) ? '' : `: ${message}`;
    return new OciError('NOT_FOUND', `The Docker engine at ${this.name} has no image ${quoted(name)}${which}${said}`, {
      hint: 'docker image ls shows what it has; an image in a registry is named without docker-daemon:',
    });
  }

  /** Closes its connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http.close();
  }

  async #list(signal: AbortSignal | undefined): Promise<Uint8Array> {
    const doing = 'it was asked which images it has';
    return this.#answer(await this.#ask({ path: '/images/json', doing, signal }), doing);
  }

  async #askForStore(signal: AbortSignal | undefined): Promise<boolean> {
    const doing = 'it was asked about itself';
    const response = await this.#ask({ path: '/info', doing, signal });
    return hasContainerdStore(await this.#answer(response, doing), this.name);
  }

  #ask(request: Partial<EngineRequest> & Pick<EngineRequest, 'path' | 'doing'>): Promise<EngineResponse> {
    const { question: timeout, idle } = this.#timeouts;
    return this.#http.send({ method: 'GET', timeout, idle, ...request, path: `/v${this.apiVersion}${request.path}` });
  }

  async #answer(response: EngineResponse, doing: string, expected = 200): Promise<Uint8Array> {
    if (response.status === expected) return collect(response.body, maxAnswer, `The answer of ${this.name}`);
    throw engineRefusal(response.status, await words(response), this.#http.address, doing);
  }
}

/** What is said of a failure: messages show the beginning. */
async function words({ body }: EngineResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body) {
      chunks.push(chunk.subarray(0, maxWords));
      if (chunks.reduce((sum, { byteLength }) => sum + byteLength, 0) >= maxWords) break;
    }
  } catch {
    // What came before it broke off says something.
  }
  await discard(body).catch(() => {});
  return Buffer.concat(chunks).toString();
}

function escaped(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}

function isOlder(version: string, other: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
