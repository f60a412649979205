import { isOciError, lowerFirst, OciError } from '../errors.ts';

/** Where a copy failed. `code` and `hint` are the cause's. */
export class CopyError extends OciError {
  override readonly name = 'CopyError';
  readonly side: 'source' | 'target';

  constructor(side: 'source' | 'target', cause: OciError) {
    const what = side === 'source' ? 'reading from the source' : 'writing to the target';
    super(cause.code, `${what}: ${lowerFirst(cause.message)}`, { cause, hint: cause.hint });
    this.side = side;
  }
}

/** Says of a failure on which side it was. */
export async function onSide<T>(side: 'source' | 'target', task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw isOciError(error) && !(error instanceof CopyError) ? new CopyError(side, error) : error;
  }
}
