/** What every call that may wait takes in its last argument. */
export interface CallOptions {
  /**
   * Ends every wait of the call: requests, queues, back-off, file reads. The rejection is the signal's own reason.
   *
   * @default never aborted
   */
  readonly signal?: AbortSignal | undefined;
}
