import type { TransportEvent } from './events.ts';
import type { Exchange } from './exchange.ts';
import { redactHeaders, redactUrl } from './redact.ts';

/** Tells of the requests an exchange is given and of their answers, without anything secret. */
export class Tracing {
  readonly #exchange: Exchange;
  readonly #onEvent: (event: TransportEvent) => void;
  #sent = 0;

  constructor(exchange: Exchange, onEvent: (event: TransportEvent) => void) {
    this.#exchange = exchange;
    this.#onEvent = onEvent;
  }

  /** @param privateHeaders by name in lower case; their values are hidden */
  exchange(privateHeaders: Readonly<Record<string, string>>): Exchange {
    const secrets = new Set(Object.keys(privateHeaders));
    return async (sent) => {
      const { method } = sent;
      const id = ++this.#sent;
      const url = redactUrl(sent.url);
      const start = performance.now();
      this.#onEvent({ type: 'request', id, method, url, headers: redactHeaders(sent.headers, secrets) });
      const response = await this.#exchange(sent);
      const milliseconds = performance.now() - start;
      const headers = redactHeaders(Object.fromEntries(response.headers.entries()));
      this.#onEvent({ type: 'response', id, method, url, status: response.status, milliseconds, headers });
      return response;
    };
  }
}
