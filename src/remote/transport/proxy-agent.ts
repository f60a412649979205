import type { Agent, AgentOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';

export interface ProxyAgentOptions extends AgentOptions {
  /** Whether TLS is spoken through it, end to end. */
  readonly tunnels: boolean;
  /** For a proxy that is reached by https. @default what the runtime trusts */
  readonly trust: SecureContext | undefined;
}

/** Opens connections through an http, https or socks5 proxy. The packages for it are loaded when the first is needed. */
export async function openProxyAgent(proxy: URL, { tunnels, trust, ...options }: ProxyAgentOptions): Promise<Agent> {
  if (proxy.protocol.startsWith('socks')) {
    const { SocksProxyAgent } = await import('socks-proxy-agent');
    // Names are the proxy's to resolve, as they are with the other kinds.
    return abandonable(new SocksProxyAgent(proxy.href.replace(/^socks5:/, 'socks5h:'), options));
  }
  const bare = new URL(proxy);
  bare.username = '';
  bare.password = '';
  const settings = {
    ...options,
    headers: loginOf(proxy),
    ...(trust === undefined ? {} : { secureContext: trust }),
  };
  if (!tunnels) {
    const { HttpProxyAgent } = await import('http-proxy-agent');
    return abandonable(new HttpProxyAgent(bare, settings));
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  return abandonable(new HttpsProxyAgent(bare, settings));
}

/** What an agent for proxies is, as far as it matters here. */
interface Connecting<Request, Options> extends Agent {
  connect(request: Request, options: Options): Promise<Socket>;
  /** How the proxy is reached; read at the start of `connect`. */
  connectOpts?: object;
}

/**
 * Has a request let go of its connection when it is given up while the proxy is still silent: the option `abandoned` of a
 * request is a signal for that. Without it the request would wait for a connection only to end, and so would the process.
 */
function abandonable<Request, Options>(agent: Connecting<Request, Options>): Agent {
  const connect = agent.connect.bind(agent);
  const { connectOpts } = agent;
  agent.connect = async (request, options) => {
    const { abandoned } = options as { readonly abandoned?: AbortSignal };
    const opening = new AbortController();
    let abandon = (): void => {};
    const given = new Promise<never>((_, reject) => {
      abandon = () => {
        reject(abandoned?.reason as Error);
        opening.abort();
      };
    });
    abandoned?.throwIfAborted();
    abandoned?.addEventListener('abort', abandon, { once: true });
    try {
      if (connectOpts !== undefined) agent.connectOpts = { ...connectOpts, signal: opening.signal };
      return await Promise.race([connect(request, options), given]);
    } finally {
      abandoned?.removeEventListener('abort', abandon);
    }
  };
  return agent;
}

/** Beside the URL, which these packages show when they are told to explain themselves. */
function loginOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const login = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return { 'Proxy-Authorization': `Basic ${login}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
