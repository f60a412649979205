/** What a transport tells whoever watches it. Nothing in an event is secret. */
export type TransportEvent =
  | {
      readonly type: 'request';
      /** Counts from 1; the answer has the same. */
      readonly id: number;
      readonly method: string;
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'response';
      readonly id: number;
      readonly method: string;
      readonly url: string;
      readonly status: number;
      /** From the start of the request to the head of the answer. */
      readonly milliseconds: number;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly type: 'retry'; readonly attempt: number; readonly delayMs: number; readonly message: string }
  /** Something a person should know; each text is told once per process. */
  | { readonly type: 'warning'; readonly message: string };
