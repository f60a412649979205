import { bytesOf, type Layer, json, type SimulatedAnswer, text, withHeaders } from './exchange.ts';
import type { Quirks } from './quirks.ts';
import type { World } from './world.ts';

/** in which form errors are explained, and what comes with every answer. */
export function errorBodies({ quirks }: World): Layer {
  let count = 0;
  return async (request, below) => {
    const answer = await below(request);
    const { requestId, warnings, hostile } = quirks;
    const reworded = answer.status >= 400 ? await rewordedAnswer(answer, quirks.errors) : answer;
    return withHeaders(reworded, {
      ...(requestId === undefined ? {} : { [requestId]: `request-${++count}` }),
      ...(warnings === undefined ? {} : { warning: warnings.map((warning) => `299 - "${warning}"`) }),
      ...(hostile?.headers === true ? { 'x-padding': ['x', 'y', 'z'].map((letter) => letter.repeat(7000)) } : {}),
    });
  };
}

async function rewordedAnswer(answer: SimulatedAnswer, form: Quirks['errors'] = 'oci'): Promise<SimulatedAnswer> {
  if (form === 'oci') return answer;
  const { code, message } = firstError(await bytesOf(answer.body));
  const { status, headers } = answer;
  const { 'content-type': _type, 'content-length': _length, ...kept } = headers;
  const reworded = inForm(form, status, code, message);
  return withHeaders({ ...reworded, instead: answer.instead }, kept);
}

function inForm(
  form: Exclude<Quirks['errors'], undefined>,
  status: number,
  code: string,
  message: string,
): SimulatedAnswer {
  switch (form) {
    case 'message':
      return json(status, { message });
    case 'details':
      return json(status, { details: message });
    case 'detail-string':
      return json(status, { errors: [{ code, message, detail: 'a text' }] });
    case 'detail-array':
      return json(status, { errors: [{ code, message, detail: [{ Type: 'repository', Action: 'pull' }] }] });
    case 'xml':
      return text(status, `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`, 'application/xml');
    case 'html':
      return text(status, `<html><body><h1>${status}</h1><hr>nginx</body></html>`, 'text/html');
    case 'huge':
      return text(status, 'x'.repeat(5_000_000), 'text/plain');
    case 'empty':
      return { status, headers: { 'content-length': '0' } };
    default:
      return json(status, { errors: [{ code, message }] });
  }
}

function firstError(bytes: Buffer): { readonly code: string; readonly message: string } {
  try {
    const document = JSON.parse(bytes.toString()) as { errors?: readonly { code: string; message: string }[] };
    return document.errors?.[0] ?? { code: 'UNKNOWN', message: '' };
  } catch {
    return { code: 'UNKNOWN', message: bytes.toString() };
  }
}
