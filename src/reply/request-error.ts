import { requestErrorCodeOf } from '../error/error-code.ts';
import type { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import { caretLines, type TextPlace } from '../error/text-place.ts';
import { redactUri } from './redaction.ts';
import type { RequestError } from './reply.ts';

/** Converts an error to the error of a reply. Secrets in the text of a plan are redacted. */
export function requestError(error: MeshmockError): RequestError {
  const { message, place, field } = error;
  return {
    code: requestErrorCodeOf(error.code),
    message,
    ...(place && placeFields(place)),
    ...optional('field', field),
  };
}

function placeFields(place: TextPlace): Pick<RequestError, 'offset' | 'expected' | 'caret'> {
  const { offset, expected } = place;
  return { offset, expected, caret: caretLines({ ...place, text: redactUri(place.text) }) };
}
