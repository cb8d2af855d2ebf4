import { packageFile } from '../../package/package-files.ts';

/** Folder of the proto files. */
export const protoRoot = packageFile('proto');

/** Proto file of meshmock's own service, below the folder. */
export const protoFile = 'meshmock/v1/meshmock.proto';
