/**
 * Generates what the program needs of `proto/`: the types of its messages, and the schema as JSON, so that no start parses
 * a proto file. The argument is the folder to write to (default: src/grpc/generated).
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';

process.chdir(path.join(import.meta.dirname, '..'));
const [folder = 'src/grpc/generated'] = process.argv.slice(2);
const file = 'meshmock/v1/meshmock.proto';
/** Schemas of the servers that `--reply-form` imitates. */
const echoFiles = ['echo/grpcecho.proto', 'echo/istio_echo.proto'];

execFileSync(process.execPath, [
  'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js',
  ...['--longs=Number', '--enums=String', '--includeDirs', 'proto', '--grpcLib=@grpc/grpc-js'],
  ...['--importFileExtension=.ts', `--outDir=${folder}`, file],
]);
const schema = protobuf.loadSync([file, ...echoFiles].map((name) => path.join('proto', name))).toJSON();
writeFileSync(path.join(folder, 'schema.json'), `${JSON.stringify(schema, null, 1)}\n`);
