import { linkedAbort } from '../async/linked-abort.ts';
import { type CloudEnvironment, timeLimitOf } from './cloud-environment.ts';

/** Members of google-auth-library that know whether a machine is one of Google's, without asking over the network. */
export interface GoogleMetadata {
  readonly gcpMetadata?: { getGCPResidency?(): boolean } | undefined;
}

/**
 * Whether asking Google's metadata server is worth while. Google's package finds out itself, but waits for seconds where there
 * is none; a machine of Google's has its server's answer within milliseconds.
 *
 * @param signal aborted when nobody wants to know any more
 */
export async function hasMetadataServer(
  { gcpMetadata }: GoogleMetadata,
  environment: CloudEnvironment,
  signal: AbortSignal,
): Promise<boolean> {
  const { env } = environment;
  // Whoever says how it is to be found out has the package do so.
  if ((env['METADATA_SERVER_DETECTION'] ?? '') !== '') return true;
  if (gcpMetadata?.getGCPResidency?.() === true) return true;
  const host = env['GCE_METADATA_IP'] || env['GCE_METADATA_HOST'] || linkLocal;
  const life = linkedAbort(signal);
  const timer = setTimeout(() => life.abort(), Math.min(patience, timeLimitOf(environment)));
  try {
    return await answers(host.replace(/^https?:\/\//, '').replace(/\/+$/, ''), life.signal);
  } finally {
    clearTimeout(timer);
    life.unlink();
  }
}

const linkLocal = '169.254.169.254';
/** Milliseconds. */
const patience = 1000;

/** Servers of other clouds at the same address do not have the header. */
async function answers(host: string, signal: AbortSignal): Promise<boolean> {
  const { request } = await import('node:http');
  const headers = { 'metadata-flavor': 'Google' };
  return new Promise((resolve) => {
    try {
      const asked = request(`http://${host}/computeMetadata/v1/instance`, { headers, agent: false, signal });
      asked.on('response', (response) => {
        response.destroy();
        resolve(response.headers['metadata-flavor'] === 'Google');
      });
      asked.on('error', () => resolve(false));
      asked.end();
    } catch {
      // A host that is no host.
      resolve(false);
    }
  });
}
