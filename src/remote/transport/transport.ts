import type { ByteBudget } from '../../async/byte-budget.ts';
import { SharedCalls } from '../../async/shared-calls.ts';
import { formatRepository, type RegistryName, type Repository } from '../../oci/reference.ts';
import type { CallOptions } from '../../options.ts';
import type { AuthSession } from '../auth/auth-session.ts';
import { Authorizer } from '../auth/authorizer.ts';
import { anonymous } from '../auth/credential.ts';
import { challengeIn, type KnownChallenge } from '../auth/known-challenge.ts';
import { TokenCache } from '../auth/token-cache.ts';
import { Dispatcher } from './dispatcher.ts';
import { readDocument } from './document.ts';
import { defaultTimeouts, type Exchange, isReplayable, NetworkError } from './exchange.ts';
import { holdingWhileRead, idleWhileWaiting } from './host-gate.ts';
import { HostLimits } from './host-limits.ts';
import type { HostSettings } from './host-settings.ts';
import { type Host, isOwn, originOf, type RegistryTraits } from './host.ts';
import { nodeHttp } from './node-http.ts';
import type { Answer } from './redirect.ts';
import { isRead, kindOf, pingOf, type RegistryRequest } from './registry-request.ts';
import { drain, responseErrorOf } from './response-error.ts';
import { defaultRetryPolicy, type RetryContext, retrying, sleep, Tries } from './retry.ts';
import { type Route, routeBy } from './route.ts';
import { tokenHttp } from './token-http.ts';
import type { TransportOptions } from './transport-options.ts';

/** An answer that has been read whole. */
export interface ReadAnswer extends Answer {
  readonly bytes: Uint8Array;
}

/** Makes what a process needs once to speak with any number of registries: connections, credentials, tokens, policies. */
export function createTransport(options: TransportOptions): Transport {
  return new Transport(options);
}

/** Sends requests to registries: within their limits, with the credentials they want, and again where that helps. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #exchange: Exchange;
  readonly #dispatcher: Dispatcher;
  readonly #retry: RetryContext;
  readonly #tokens: TokenCache;
  readonly #hosts = new Map<RegistryName, Host>();
  readonly #limits: HostLimits;
  readonly #warned = new Set<string>();
  readonly #creations = new SharedCalls<boolean>();
  readonly #created = new Set<string>();

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#exchange = options.exchange ?? nodeHttp();
    this.#limits = options.limits ?? new HostLimits();
    const timeouts = { ...defaultTimeouts, ...options.timeouts };
    this.#dispatcher = new Dispatcher({
      ...options,
      exchange: this.#exchange,
      timeouts,
      warn: (message) => this.warn(message),
      tokens: () => this.#tokens,
    });
    this.#retry = {
      policy: { ...defaultRetryPolicy, ...options.retry },
      random: options.random ?? Math.random,
      sleep: options.sleep ?? sleep,
      onRetry: (attempt, delayMs, error) => {
        if (pauses.get(error) !== 'told')
          options.onEvent?.({ type: 'retry', attempt, delayMs, message: error.message });
      },
      waitsAtGate: (error) => pauses.has(error),
    };
    const http = tokenHttp({
      dispatcher: this.#dispatcher,
      retrying: (task, signal) => this.retrying(task, signal),
      timeouts,
      tlsOf: ({ host }) => this.#hosts.get(host as RegistryName)?.settings.tls,
    });
    this.#tokens = new TokenCache(http, options.now ?? Date.now);
  }

  /** Whether plain http and any certificate are taken from a registry. */
  isInsecure(registry: RegistryName): boolean {
    return this.#hostOf(registry).insecure;
  }

  settingsOf(registry: RegistryName): HostSettings {
    return this.#hostOf(registry).settings;
  }

  /** Where requests for a repository go. */
  routeOf(repository: Repository): Route {
    return this.#options.routes?.(repository) ?? routeBy(this.settingsOf(repository.registry), repository);
  }

  /**
   * One request and its answer, whose body the caller reads or cancels.
   *
   * @throws {ResponseError} for a status that is not expected; {@link NetworkError}; `RESPONSE` for redirects that are refused
   */
  async send(request: RegistryRequest): Promise<Answer> {
    if (request.retry === false || !isReplayable(request.body)) return this.#attempt(request);
    return this.retrying(() => this.#attempt(request), request.signal);
  }

  /** Like {@link send}, with the body read within the tries. */
  async read(request: RegistryRequest, limit: number): Promise<ReadAnswer> {
    const what = `The answer to the request to ${request.purpose}`;
    return this.retrying(async () => {
      const answer = await this.#attempt({ kind: 'question', ...request });
      return { ...answer, bytes: await readDocument(answer, limit, what) };
    }, request.signal);
  }

  /** Like {@link send}, for answers whose body says nothing. */
  async perform(request: RegistryRequest): Promise<Answer> {
    const answer = await this.send({ kind: 'question', ...request });
    await drain(answer.body);
    return answer;
  }

  /** Runs a task of several requests under this transport's retry policy. */
  async retrying<T>(task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return retrying(task, this.#retry, signal);
  }

  /**
   * The tries of one task that goes on where it broke off.
   *
   * @param onRetry hears of each pause, instead of whoever watches the transport
   */
  tries(signal: AbortSignal | undefined, onRetry?: RetryContext['onRetry']): Tries {
    return new Tries(onRetry === undefined ? this.#retry : { ...this.#retry, onRetry }, signal);
  }

  /** Milliseconds of which only differences count. */
  now(): number {
    return (this.#options.now ?? performance.now.bind(performance))();
  }

  /** Connections that one large blob of a registry may be fetched over. */
  connectionsPerBlob(registry: RegistryName): number {
    return this.settingsOf(registry).maxConnectionsPerBlob ?? this.#options.maxConnectionsPerBlob ?? 4;
  }

  /**
   * Has a missing repository made where that is wanted, once however many pushes miss it.
   *
   * @returns whether it is there now
   */
  async createRepository(repository: Repository, { signal }: CallOptions = {}): Promise<boolean> {
    const { createRepository } = this.#options;
    if (createRepository === undefined || this.settingsOf(repository.registry).createRepository === false) return false;
    const name = formatRepository(repository);
    if (this.#created.has(name)) return true;
    const isThere = await this.#creations.run(name, (inner) => createRepository(repository, { signal: inner }), signal);
    if (isThere) this.#created.add(name);
    return isThere;
  }

  /** Memory for what arrives before its turn. */
  get windows(): ByteBudget {
    return this.#limits.windows;
  }

  /** Tells whoever watches something a person should know, once. */
  warn(message: string): void {
    if (this.#warned.has(message) || this.#warned.size >= maxWarnings) return;
    this.#warned.add(message);
    this.#options.onEvent?.({ type: 'warning', message });
  }

  /** The registry's root, with the scheme that was found to work. */
  originOf(registry: RegistryName): URL {
    return originOf(this.#hostOf(registry));
  }

  /**
   * What a registry wants to see: asked at its root, and where that tells nothing, by asking for a repository, since
   * registries behind a path of a proxy answer there only (demand-and-quirks reference, Q-02).
   *
   * @returns `undefined` when it lets everybody in
   */
  async challengeOf(
    registry: RegistryName,
    { repository, signal }: CallOptions & { readonly repository?: string | undefined } = {},
  ): Promise<KnownChallenge | undefined> {
    const host = this.#hostOf(registry);
    const known = host.authorizer.challengeFor(repository);
    if (known !== undefined) return known;
    return this.retrying(async () => {
      const answer = await this.#dispatcher.send(host, pingOf(host, { signal }), undefined);
      let found = challengeIn(answer);
      if (found === undefined && repository !== undefined) {
        const probe = { ...pingOf(host, { signal }), method: 'HEAD', target: `/v2/${repository}/manifests/latest` };
        found = challengeIn(await this.#dispatcher.look(host, probe));
      }
      if (found === undefined && answer.status !== 200) {
        throw await responseErrorOf({ ...answer, method: 'GET', purpose: `reach ${registry}` });
      }
      await drain(answer.body);
      if (found !== undefined) host.authorizer.learn(repository, found);
      return found;
    }, signal);
  }

  /** What is known of a registry's wishes about credentials. */
  authorizerOf(registry: RegistryName): Authorizer {
    return this.#hostOf(registry).authorizer;
  }

  traitsOf(registry: RegistryName): RegistryTraits {
    return this.#hostOf(registry).traits;
  }

  get tokens(): TokenCache {
    return this.#tokens;
  }

  /** Closes idle connections. The transport can still be used. */
  close(): void {
    this.#exchange.close?.();
  }

  async #attempt(request: RegistryRequest): Promise<Answer> {
    request.signal?.throwIfAborted();
    const host = this.#hostOf(request.registry);
    const isLong = kindOf(request) === 'upload';
    const session = host.authorizer.session({ ...request, reads: isRead(request.method), isLong });
    let retriedTarget = false;
    for (;;) {
      const own = isOwn(host, request);
      const answer = await this.#admitted(host, request, own ? await session.authorization() : undefined);
      if (request.expect.includes(answer.status)) {
        session.accepted();
        return answer;
      }
      const again = answer.crossed
        ? // A signed URL may have expired; the registry makes a new one.
          !retriedTarget && isRead(request.method) && expiredStatuses.has(answer.status)
        : own && (await this.#learn(session, answer, host, request)) && isReplayable(request.body);
      if (!again) {
        const { method, purpose, registry, repository } = request;
        // Uploads may be sent elsewhere without a redirect.
        const crossed = answer.crossed || (!own && answer.url.origin !== originOf(host).origin);
        const asked = { method, purpose, registry, repository, crossed };
        const error = await responseErrorOf({ ...answer, ...asked, login: session.state });
        const pause = host.gate.heed(error, this.#retry.policy);
        if (pause !== undefined) pauses.set(error, pause);
        throw error;
      }
      if (answer.crossed) retriedTarget = true;
      await drain(answer.body);
    }
  }

  /** Takes up what a refusal says, also when this request cannot be sent again: the next one will need it. */
  async #learn(session: AuthSession, answer: Answer, host: Host, request: RegistryRequest): Promise<boolean> {
    if (answer.status !== 401 && answer.status !== 403) return false;
    try {
      return await session.refused(answer, () => this.#dispatcher.look(host, pingOf(host, request)));
    } catch (error) {
      await answer.body.cancel();
      throw error;
    }
  }

  /** Sends a request when the host's limits let it, and keeps its place there until its answer was read. */
  async #admitted(host: Host, request: RegistryRequest, authorization: string | undefined): Promise<Answer> {
    const kind = kindOf(request);
    const slot = await host.gate.enter(kind, this.#retry.sleep, request.signal);
    try {
      const body = idleWhileWaiting(request.body, slot);
      const answer = await this.#dispatcher.send(host, { ...request, body }, authorization);
      host.answered = true;
      host.gate.note(kind, answer.status);
      return { ...answer, body: holdingWhileRead(answer.body, slot) };
    } catch (error) {
      slot.release();
      host.gate.noteFailure(kind, error);
      throw host.answered && error instanceof NetworkError ? error.passing() : error;
    }
  }

  #hostOf(registry: RegistryName): Host {
    const known = this.#hosts.get(registry);
    if (known !== undefined) return known;
    const settings = this.#options.hosts?.(registry) ?? {};
    const insecure = settings.insecure ?? this.#options.insecure ?? false;
    const authorizer = new Authorizer({
      registry,
      keychain: this.#options.keychain ?? anonymous,
      tokens: this.#tokens,
      insecure,
      warn: (message) => this.warn(message),
      now: this.#options.now ?? Date.now,
      origin: () => this.originOf(registry),
    });
    const gate = this.#limits.gateOf(registry, settings);
    const state = { traits: { unmountable: new Set<string>() }, scheme: undefined, answered: false };
    const host: Host = { registry, settings, insecure, authorizer, gate, ...state };
    this.#hosts.set(registry, host);
    return host;
  }
}

/** A registry that words each warning anew must not fill the memory. */
const maxWarnings = 1000;
/** Failures that made a host's gate close for a while, and whether they were the first to. */
const pauses = new WeakMap<Error, 'news' | 'told'>();
const expiredStatuses: ReadonlySet<number> = new Set([400, 401, 403]);
