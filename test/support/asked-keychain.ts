import { isOciError, type OciError } from '../../src/errors.ts';
import { parseRegistry } from '../../src/oci/reference.ts';
import type { Credential, Keychain } from '../../src/remote/auth/credential.ts';

/** What came of asking a keychain. */
export interface Asked {
  readonly credential?: Credential | undefined;
  /** Why there were none, though nothing failed. */
  readonly missing: readonly OciError[];
  readonly failure?: OciError;
}

/** Asks a keychain for the credentials of a registry. */
export async function askFor(keychain: Keychain, registry: string, signal?: AbortSignal): Promise<Asked> {
  const missing: OciError[] = [];
  const onMissing = (reason: OciError): void => {
    missing.push(reason);
  };
  try {
    const credential = await keychain({ registry: parseRegistry(registry), repository: 'app' }, { signal, onMissing });
    return { credential, missing };
  } catch (error) {
    if (!isOciError(error)) throw error;
    return { missing, failure: error };
  }
}
