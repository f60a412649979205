import type { EventEmitter } from 'node:events';
import type { Session } from './session.ts';

/**
 * Has what Node and packages warn of told with `-v` only, and in the form of all else: Node would print it on standard error
 * whatever the flags say, between lines of JSON, too.
 *
 * @param process what emits `warning`
 */
export function tellRuntimeWarnings(process: EventEmitter, session: Session): void {
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }: Error) => {
    if (session.verbosity > 0) session.log.note(`${name}: ${message}`);
  });
}
