import { runStress } from '../stress-run.ts';
import { commandLines } from './command-lines.ts';
import { floods } from './floods.ts';
import { grpcMessages } from './grpc-messages.ts';
import { hostileBackends } from './hostile-backends.ts';
import { httpRequests } from './http-requests.ts';
import { http2Frames } from './http2-frames.ts';
import { memory } from './memory.ts';
import { tcpLines } from './tcp-lines.ts';
import { texts } from './texts.ts';

const scenarios = [
  httpRequests,
  http2Frames,
  grpcMessages,
  tcpLines,
  texts,
  hostileBackends,
  floods,
  memory,
  commandLines,
];

process.exit(await runStress('fuzz', scenarios, process.argv.slice(2)));
