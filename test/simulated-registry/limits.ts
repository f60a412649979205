import { failure, type Layer, type SimulatedAnswer, text, withHeaders } from './exchange.ts';
import type { LimitQuirks } from './quirks.ts';
import type { World } from './world.ts';

/** so many requests, and then a pause, in one of the many ways to say so. */
export function limits({ quirks }: World): Layer {
  let counted: LimitQuirks | undefined;
  let count = 0;
  return async (request, below) => {
    const { limit } = quirks;
    if (limit === undefined) return below(request);
    // A limit that was set in the middle of a test starts to count there.
    if (limit !== counted) count = 0;
    counted = limit;
    if (limit.only?.test(`${request.method} ${request.path}`) === false) return below(request);
    count++;
    const { after, times = 1 } = limit;
    const isOver = count > after && count <= after + times;
    const answer = isOver ? refusal(limit) : await below(request);
    if (limit.headers !== true) return answer;
    const left = `${Math.max(after - count, 0)};w=21600`;
    return withHeaders(answer, {
      'ratelimit-limit': `${after};w=21600`,
      'ratelimit-remaining': left,
      'docker-ratelimit-source': '192.0.2.1',
    });
  };
}

function refusal(limit: LimitQuirks): SimulatedAnswer {
  const { status = 429, retryAfter = 'sec' } = limit;
  const answer = body(limit, status);
  const inOneSecond = new Date(Date.now() + 1000).toUTCString();
  const values = { sec: '1', zero: '0', date: inOneSecond, huge: '86400', none: undefined, 'body-us': undefined };
  return withHeaders(answer, { 'retry-after': values[retryAfter] });
}

function body({ body = 'oci', retryAfter }: LimitQuirks, status: number): SimulatedAnswer {
  const message = 'retry-after: 880.092µs, allowed: 44000/minute';
  if (retryAfter === 'body-us') return failure(status, 'TOOMANYREQUESTS', message);
  if (body === 'text') return text(status, 'Too Many Requests', 'text/plain');
  if (body === 'html') return text(status, '<html><h1>Too Many Requests</h1></html>', 'text/html');
  if (body === 'secondary') {
    const denied = 'permission_denied: You have exceeded a secondary rate limit. Please wait a few minutes';
    return failure(status, 'DENIED', denied);
  }
  const said = 'You have reached your pull rate limit. https://docs.example.com/rate-limit';
  return failure(status, 'TOOMANYREQUESTS', said);
}
