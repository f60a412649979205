import { empty, failure, type SimulatedAnswer } from './exchange.ts';
import type { RecordedRequest } from './servers.ts';

/** What happens to one request instead of, or besides, its answer. */
export type Fault =
  /** The connection is reset before anything is read. */
  | 'cut'
  /** Nothing is ever answered. */
  | 'stall'
  /** The request is carried out, its answer is lost. */
  | 'lost'
  /** The request is carried out twice; the client gets the second answer. */
  | 'twice'
  /** Every token that was issued becomes invalid before the request is looked at. */
  | 'expire-tokens'
  /** This status, without carrying the request out. */
  | number
  | { readonly cutRequestAfter: number }
  | { readonly cutAnswerAfter: number }
  | { readonly delay: number }
  | { readonly status: number; readonly retryAfter?: string };

/** Asked for every request of every part before it is looked at. `undefined` lets it pass. */
export type FaultSource = (request: RecordedRequest) => Fault | undefined;

export interface RandomFaultOptions {
  /** How many requests of a hundred are hit. @default 20 */
  readonly percent?: number | undefined;
  /** After so many faults there are no more, so that patience always wins. @default 40 */
  readonly most?: number | undefined;
  /** Which kinds there are. @default all but 'stall', which costs the client its idle limit */
  readonly kinds?: readonly FaultKind[] | undefined;
  /** Most bytes that pass before a cut. @default 65536 */
  readonly cutWithin?: number | undefined;
}

export type FaultKind = (typeof faultKinds)[number];

/** Names of what {@link randomFaults} does. */
export const faultKinds = [
  'cut',
  'cut-request',
  'cut-answer',
  'lost',
  'twice',
  'burst',
  'limit',
  'expire-tokens',
  'delay',
  'stall',
] as const;

/** The same faults for the same seed and the same order of requests. */
export function randomFaults(seed: number, options: RandomFaultOptions = {}): FaultSource {
  const { percent = 20, most = 40, cutWithin = 65_536 } = options;
  const kinds = options.kinds ?? faultKinds.filter((kind) => kind !== 'stall');
  const random = randomNumbers(seed);
  let count = 0;
  let burst = 0;
  return (request) => {
    if (burst > 0) {
      burst--;
      return 503;
    }
    if (random() * 100 >= percent || count >= most) return undefined;
    count++;
    const kind = kinds[Math.floor(random() * kinds.length)] ?? 'cut';
    if (kind === 'burst') burst = Math.floor(random() * 3);
    return faultOf(kind, request, () => Math.floor(random() * cutWithin), random());
  };
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Action {
  readonly fault?: Fault | undefined;
  readonly before?: 'reset' | 'stall';
  readonly answer?: SimulatedAnswer;
  readonly lost?: boolean;
  readonly twice?: boolean;
  readonly expireTokens?: boolean;
  readonly delay?: number;
  readonly cutRequestAfter?: number;
  readonly cutAnswerAfter?: number;
}

/** What a server has to do about a fault. */
export function actionOf(fault: Fault | undefined): Action {
  if (fault === undefined) return {};
  if (fault === 'cut') return { fault, before: 'reset' };
  if (fault === 'stall') return { fault, before: 'stall' };
  if (fault === 'lost') return { fault, lost: true };
  if (fault === 'twice') return { fault, twice: true };
  if (fault === 'expire-tokens') return { fault, expireTokens: true };
  if (typeof fault === 'number') return { fault, answer: answerOf(fault) };
  if ('status' in fault) return { fault, answer: answerOf(fault.status, fault.retryAfter) };
  return { fault, ...fault };
}

function answerOf(status: number, retryAfter?: string): SimulatedAnswer {
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  if (status === 429) return failure(429, 'TOOMANYREQUESTS', 'slow down', headers);
  return empty(status, headers);
}

function faultOf(kind: FaultKind, { method }: RecordedRequest, bytes: () => number, chance: number): Fault {
  const isWrite = method !== 'GET' && method !== 'HEAD';
  switch (kind) {
    case 'cut-request':
      return isWrite ? { cutRequestAfter: bytes() } : 'cut';
    case 'cut-answer':
      return { cutAnswerAfter: bytes() };
    case 'twice':
    case 'lost':
      return isWrite ? kind : 'cut';
    case 'burst':
      return chance < 0.5 ? 502 : 500;
    case 'limit':
      return { status: 429, retryAfter: '0' };
    case 'delay':
      return { delay: Math.floor(chance * 20) };
    default:
      return kind;
  }
}
