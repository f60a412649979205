import { Agent, type ClientRequest, type RequestOptions, request as httpRequest } from 'node:http';
import type { Agent as SecureAgent } from 'node:https';
import type { ConnectionOptions, PeerCertificate, SecureContext } from 'node:tls';
import type { ExchangeRequest } from './exchange.ts';
import type { TlsSettings, TlsSource } from './host-settings.ts';
import { isNode } from './runtime.ts';
import { connectWithSlabs } from './slab-socket.ts';

export interface NodeHttpOptions {
  /** Certificates to trust instead of the runtime's, PEM, or how to read them when TLS is first needed. */
  readonly ca?: string | readonly string[] | (() => Promise<readonly string[] | undefined>) | undefined;
  /**
   * Reads more certificates to trust, when one was met that is not trusted without them: the operating system's store, whose
   * reading would make every start slow. @default none
   */
  readonly moreCa?: (() => Promise<readonly string[]>) | undefined;
  /** The proxy to reach a URL through: http, https or socks5, with a login if it wants one. @default none */
  readonly proxy?: ((url: URL) => URL | undefined) | undefined;
}

/** How one request is sent. */
export interface Sending {
  readonly send: (url: URL, options: RequestOptions) => ClientRequest;
  readonly options: RequestOptions & SecureOptions;
  /** Through which it goes. */
  readonly proxy?: URL | undefined;
}

type SecureOptions = Pick<ConnectionOptions, 'rejectUnauthorized' | 'secureContext' | 'checkServerIdentity'>;

// The newest idle connection is the least likely to have been closed by the server.
const agentOptions = { keepAlive: true, scheduling: 'lifo', maxFreeSockets: 50 } as const;

/**
 * The connections of an exchange, in one agent for each set of TLS settings and each proxy: a connection that showed a
 * client certificate serves nobody else.
 */
export class AgentPool {
  readonly #options: NodeHttpOptions;
  readonly #plain: Agent;
  readonly #all = new Set<Agent>();
  readonly #proxied = new Map<string, Promise<Agent>>();
  #identities = new Map<TlsSource | undefined, Map<boolean, Promise<Identity>>>();
  #trusted: Promise<readonly string[] | undefined> | undefined;
  #more: Promise<readonly string[]> | undefined;

  constructor(options: NodeHttpOptions) {
    this.#options = options;
    this.#plain = Object.assign(new Agent(agentOptions), isNode() ? { createConnection: connectWithSlabs } : {});
    this.#all.add(this.#plain);
  }

  async sendingOf(request: ExchangeRequest): Promise<Sending> {
    const { url, insecure } = request;
    const proxy = this.#options.proxy?.(url);
    if (url.protocol !== 'https:') {
      const agent = proxy === undefined ? this.#plain : await this.#proxyAgent(proxy, this.#proxied, false);
      return { send: httpRequest, options: { agent }, proxy };
    }
    const { send, agent, secureContext, proxied } = await this.#identityOf(request);
    const rejectUnauthorized = !insecure;
    if (proxy === undefined) return { send, options: { agent, rejectUnauthorized } };
    const { checkServerIdentity } = await import('node:tls');
    const options = {
      agent: await this.#proxyAgent(proxy, proxied, true),
      rejectUnauthorized,
      ...(secureContext === undefined ? {} : { secureContext }),
      // Without a name of its own, as with addresses, a tunnel would be checked for the name of the proxy.
      checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(nameOf(url), certificate),
    };
    return { send, options, proxy };
  }

  get trustsMore(): boolean {
    return this.#more !== undefined;
  }

  /** Has `moreCa` read and trusted from now on. False when there is nothing in it. */
  async trustMore(): Promise<boolean> {
    const isFirst = this.#more === undefined;
    this.#more ??= this.#options.moreCa?.() ?? Promise.resolve([]);
    const more = await this.#more;
    if (isFirst && more.length > 0) this.#identities = new Map();
    return more.length > 0;
  }

  close(): void {
    for (const agent of this.#all) agent.destroy();
  }

  async #identityOf({
    tls,
    clientCertificate = true,
  }: Pick<ExchangeRequest, 'tls' | 'clientCertificate'>): Promise<Identity> {
    const shows = tls !== undefined && clientCertificate;
    const known = this.#identities.get(tls) ?? new Map<boolean, Promise<Identity>>();
    this.#identities.set(tls, known);
    const identity = known.get(shows) ?? this.#makeIdentity(tls, shows);
    known.set(shows, identity);
    return identity;
  }

  async #makeIdentity(source: TlsSource | undefined, shows: boolean): Promise<Identity> {
    const settings = typeof source === 'function' ? source() : source;
    // node:https loads TLS, which costs a plain http command several milliseconds.
    const [https, read] = await Promise.all([import('node:https'), settings]);
    const { ca, cert, key }: TlsSettings = read ?? {};
    const own = shows && cert !== undefined ? { cert, key } : {};
    if (source !== undefined && ca === undefined && !('cert' in own)) return this.#identityOf({ tls: undefined });
    const all = await this.#authorities(ca);
    const options = { ...(all === undefined ? {} : { ca: [...all] }), ...own };
    // Made once, as reading a hundred certificates for each connection would take longer than the request.
    const secureContext =
      Object.keys(options).length === 0 ? undefined : (await import('node:tls')).createSecureContext(options);
    const agent = new https.Agent({ ...agentOptions, ...(secureContext === undefined ? {} : { secureContext }) });
    this.#all.add(agent);
    return { send: https.request, agent, secureContext, proxied: new Map() };
  }

  /** `undefined` for what the runtime trusts. */
  async #authorities(own: readonly string[] = []): Promise<readonly string[] | undefined> {
    const { ca } = this.#options;
    this.#trusted ??= Promise.resolve(typeof ca === 'function' ? ca() : typeof ca === 'string' ? [ca] : ca);
    const [trusted, more = []] = await Promise.all([this.#trusted, this.#more]);
    if (trusted === undefined && own.length === 0 && more.length === 0) return undefined;
    return [...(trusted ?? (await import('node:tls')).rootCertificates), ...own, ...more];
  }

  async #proxyAgent(proxy: URL, opened: Map<string, Promise<Agent>>, tunnels: boolean): Promise<Agent> {
    const agent = opened.get(proxy.href) ?? this.#openProxyAgent(proxy, tunnels);
    opened.set(proxy.href, agent);
    return agent;
  }

  async #openProxyAgent(proxy: URL, tunnels: boolean): Promise<Agent> {
    const { openProxyAgent } = await import('./proxy-agent.ts');
    // Proxies are met with the common certificates: a registry's own are none of their business.
    const trust = proxy.protocol === 'https:' ? (await this.#identityOf({ tls: undefined })).secureContext : undefined;
    const agent = await openProxyAgent(proxy, { ...agentOptions, tunnels, trust });
    this.#all.add(agent);
    return agent;
  }
}

/** One way to be known over TLS, and its connections. */
interface Identity {
  readonly send: Sending['send'];
  readonly agent: SecureAgent;
  readonly secureContext: SecureContext | undefined;
  /** Agents by the proxy they lead through. */
  readonly proxied: Map<string, Promise<Agent>>;
}

function nameOf({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
