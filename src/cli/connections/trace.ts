import type { TransportEvent } from '../../remote/transport/events.ts';
import type { Log } from '../log.ts';

/**
 * Shows what a transport does.
 *
 * @param verbosity 0: warnings and retries; 1: requests and responses, too; 2: with their headers
 */
export function traceTo(log: Log, verbosity: number): (event: TransportEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'warning':
        return log.warn(event.message);
      case 'retry':
        return log.line(retryLine(event));
      case 'request':
        if (verbosity === 0) return undefined;
        log.note(`--> ${event.method} ${event.url} [${event.id}]`);
        return showHeaders(event);
      case 'response':
        if (verbosity === 0) return undefined;
        log.note(
          `<-- ${event.status} ${event.method} ${event.url} (${Math.round(event.milliseconds)}ms) [${event.id}]`,
        );
        return showHeaders(event);
      default:
        return event satisfies never;
    }
  };

  function showHeaders({ headers, id }: Extract<TransportEvent, { readonly type: 'request' | 'response' }>): void {
    if (verbosity < 2) return;
    for (const [name, value] of Object.entries(headers)) log.note(`    ${name}: ${value} [${id}]`);
  }
}

/** How long is waited, and why. */
export function retryLine({ delayMs, message }: { readonly delayMs: number; readonly message: string }): string {
  return `retrying in ${(delayMs / 1000).toFixed(1)} s: ${message}`;
}
