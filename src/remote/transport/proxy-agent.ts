import type { Agent, AgentOptions } from 'node:http';
import type { SecureContext } from 'node:tls';

export interface ProxyAgentOptions extends AgentOptions {
  /** Whether TLS is spoken through it, end to end. */
  readonly tunnels: boolean;
  /** For a proxy that is reached by https. @default what the runtime trusts */
  readonly trust: SecureContext | undefined;
}

/** Opens connections through an http, https or socks5 proxy. The packages for it are loaded when the first is needed. */
export async function openProxyAgent(
  proxy: URL,
  { tunnels, trust, ...options }: ProxyAgentOptions,
): Promise<Agent> {
  if (proxy.protocol.startsWith('socks')) {
    const { SocksProxyAgent } = await import('socks-proxy-agent');
    // Names are the proxy's to resolve, as they are with the other kinds.
    return new SocksProxyAgent(proxy.href.replace(/^socks5:/, 'socks5h:'), options);
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
    return new HttpProxyAgent(bare, settings);
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  return new HttpsProxyAgent(bare, settings);
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
