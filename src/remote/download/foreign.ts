import type { ByteStream } from '../../content/bytes.ts';
import { isOciError, type OciError, quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { RepositoryClient } from '../repository-client.ts';
import { redactUrl } from '../transport/redact.ts';
import { checkHop } from '../transport/redirect.ts';

/**
 * Opens a layer that its registry need not hold from the places its descriptor names, in their order. No credentials go
 * there; the rules are those of a redirect from the registry. OCI image-spec, descriptor.md "urls"; demand-and-quirks
 * reference, Q-32.
 *
 * @param missing what the registry said, thrown when no place has it either
 * @param open opens the layer at one place
 */
export async function openForeign(
  { transport, repository }: RepositoryClient,
  { digest, urls = [] }: Descriptor,
  missing: OciError,
  signal: AbortSignal | undefined,
  open: (url: URL) => Promise<ByteStream>,
): Promise<ByteStream> {
  const origin = transport.originOf(repository.registry);
  for (const text of urls) {
    let shown = quoted(text);
    try {
      const url = new URL(text);
      // It may be signed.
      shown = redactUrl(url);
      checkHop(origin, origin, url, transport.isInsecure(repository.registry));
      return await open(url);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isOciError(error) && !(error instanceof TypeError)) throw error;
      transport.warn(`Layer ${digest} could not be read from ${shown}: ${error.message}`);
    }
  }
  throw missing;
}
