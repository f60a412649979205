import { type CommandOptions, type CommandResult, startCrane } from './command.ts';

export interface CraneRegistry {
  /** `127.0.0.1:PORT`, as it was printed. */
  readonly address: string;
  /** @default SIGTERM */
  stop(signal?: NodeJS.Signals): Promise<CommandResult>;
}

/** Starts the built `crane registry serve` on a free loopback port. */
export async function startCraneRegistry(
  args: readonly string[] = [],
  options: CommandOptions = {},
): Promise<CraneRegistry> {
  const running = startCrane(['registry', 'serve', '--address', '127.0.0.1:0', ...args], {
    timeout: 24 * 3600_000,
    ...options,
  });
  const line = await running.firstLine();
  const address = /127\.0\.0\.1:\d+/u.exec(line)?.[0];
  if (address === undefined) {
    await running.stop('SIGKILL');
    throw new Error(`No address in what crane registry serve printed: ${line}`);
  }
  return { address, stop: (signal) => running.stop(signal) };
}
