import type { CallOptions, Metadata } from '@grpc/grpc-js';
import type { OutgoingCall } from '../execute/client.ts';
import { metadataOf } from './codec.ts';
import { detailsLimitHeader, meshmockDetailsBytes } from './status-details.ts';

/** Returns the metadata and the options of a call. */
export function callSettings({ headers, timeoutMs }: OutgoingCall): { metadata: Metadata; options: CallOptions } {
  const metadata = metadataOf(headers);
  metadata.set(detailsLimitHeader, String(meshmockDetailsBytes));
  const { host } = headers;
  return { metadata, options: { deadline: Date.now() + timeoutMs, ...(host === undefined ? {} : { host }) } };
}
