import { type ByteSource, chunksOf } from '../content/bytes.ts';
import { OciError, quoted } from '../errors.ts';

/** What an engine said of a load. */
export interface LoadAnswer {
  /** Names and IDs of what it has loaded, as it spells them. */
  readonly loaded: readonly string[];
}

/** One message: they are short, but an error may cite a lot. */
const maxMessage = 1024 * 1024;

/** Names that are remembered; an archive of ours has one. */
const maxLoaded = 1000;

/**
 * Reads the stream of JSON messages that answers a load. A failure comes as a message behind the status 200.
 *
 * @throws {OciError} `RESPONSE` with the engine's own words
 */
export async function readLoadAnswer(answer: ByteSource, engine: string): Promise<LoadAnswer> {
  const loaded: string[] = [];
  for await (const line of linesOf(answer)) {
    const message = parseMessage(line);
    if (message === undefined) continue;
    const error = errorIn(message);
    if (error !== undefined) {
      throw new OciError('RESPONSE', `The Docker engine at ${engine} could not load the image: ${quoted(error)}`, {
        hint: 'Its log may say more',
      });
    }
    const said = message['stream'];
    const [, names = ''] = (typeof said === 'string' && /^Loaded image(?:s|\(s\)| ID)?: (.*)$/m.exec(said)) || [];
    for (const name of names.split(',')) if (name.trim() !== '' && loaded.length < maxLoaded) loaded.push(name.trim());
  }
  return { loaded };
}

/** Engines give both members, things in front of them perhaps one. */
function errorIn({ error, errorDetail }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof error === 'string' && error.trim() !== '') return error.trim();
  if (typeof errorDetail !== 'object' || errorDetail === null) return undefined;
  const message = 'message' in errorDetail ? errorDetail.message : undefined;
  return typeof message === 'string' && message.trim() !== '' ? message.trim() : 'it does not say why';
}

function parseMessage(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const message = JSON.parse(line) as unknown;
    return typeof message === 'object' && message !== null ? (message as Record<string, unknown>) : undefined;
  } catch {
    // Not one of the messages that are looked for.
    return undefined;
  }
}

async function* linesOf(source: ByteSource): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunksOf(source)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxMessage) {
      throw new OciError(
        'LIMIT_EXCEEDED',
        `The answer of the Docker engine has a line of more than ${maxMessage} characters`,
      );
    }
    yield* lines;
  }
  yield rest;
}
