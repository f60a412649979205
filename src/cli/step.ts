import { isOciError, lowerFirst, OciError } from '../errors.ts';

/** Runs one step of a command; its failure says which step it was, where it does not say so itself: `fetching "a/b:c": …`. */
export async function step<T>(what: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!isOciError(error) || namesItself(error, what)) throw error;
    throw new OciError(error.code, `${what}: ${lowerFirst(error.message)}`, { cause: error, hint: error.hint });
  }
}

/** Whether a message would only be longer with the step in front of it: one line says everything once. */
function namesItself(error: OciError, what: string): boolean {
  // Such a message starts with what could not be done, to what, at which host, or with the value and what is wrong with it.
  if (error.name === 'ResponseError' || error.code === 'INVALID_REFERENCE' || error.code === 'INVALID_DIGEST')
    return true;
  const values = Array.from(what.matchAll(/"(?:[^"\\]|\\.)*"|\S*[./:@\d]\S*/g), ([text]) => bare(text));
  return values.length > 0 && values.every((value) => error.message.includes(value));
}

function bare(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1) : text;
}
