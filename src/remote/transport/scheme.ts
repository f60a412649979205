import { isLoopback, mayUsePlainHttp, type RegistryName } from '../../oci/reference.ts';
import { streamOf } from '../../content/bytes.ts';
import { NetworkError } from './exchange.ts';
import type { Answer } from './redirect.ts';
import { drain, startOf } from './response-error.ts';

export type Scheme = 'http' | 'https';

/**
 * How to reach a registry nothing is known of yet, in the order to try. On this machine plain http is the rule; elsewhere
 * it is what is left when TLS is not spoken.
 */
export function schemesFor(registry: RegistryName, insecure: boolean): readonly Scheme[] {
  if (isLoopback(registry)) return ['http', 'https'];
  return insecure || mayUsePlainHttp(registry) ? ['https', 'http'] : ['https'];
}

/** Whether a failure says that the other scheme should be tried. */
export function saysOtherScheme(error: unknown, tried: Scheme, registry: RegistryName): boolean {
  if (!(error instanceof NetworkError)) return false;
  // Without a port the schemes lead to different ports.
  if (error.fault === 'unreachable') return tried === 'https' || !/:\d+$/.test(registry);
  if (tried === 'https') return error.fault === 'not-tls';
  return (error.fault === 'reset' && !error.reused) || error.fault === 'protocol';
}

/** Of the failures of both schemes: one that shows that the scheme was right. */
export function tellsMore(error: unknown): boolean {
  return !(error instanceof NetworkError) || error.fault === 'certificate';
}

/**
 * Whether the answer to plain http shows a TLS server: it led there, or refused in the words that Go, nginx, Apache and node
 * have for it. The answer is given back with its body unread.
 */
export async function detectTlsServer(
  answer: Answer,
  registry: RegistryName,
): Promise<{ readonly isTls: boolean; readonly answer: Answer }> {
  if (answer.crossed && answer.url.protocol === 'https:' && answer.url.host === registry) {
    await drain(answer.body);
    return { isTls: true, answer };
  }
  if (answer.status !== 400) return { isTls: false, answer };
  const bytes = await startOf(answer.body, 4096);
  const text = new TextDecoder().decode(bytes);
  const isTls = /HTTP request (?:was sent )?to (?:an )?HTTPS|speaking plain HTTP to an SSL/i.test(text);
  return { isTls, answer: { ...answer, body: streamOf(bytes) } };
}
