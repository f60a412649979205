import { isOciError, OciError } from '../errors.ts';

/** Runs one step of a command; its failure says which step it was: `fetching "a/b:c": …`. */
export async function step<T>(what: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!isOciError(error)) throw error;
    throw new OciError(error.code, `${what}: ${lowerFirst(error.message)}`, { cause: error, hint: error.hint });
  }
}

/** Joins a sentence behind a colon, unless it starts with a name or an acronym. */
function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
