import {
  type Server,
  type ServiceDefinition,
  status,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

/** Kind of a method, as grpc-js registers it. */
type MethodKind = 'unary' | 'serverStream' | 'bidi';

/** Object of a library that adds its services to a server. */
interface ServiceSource {
  addToServer(server: Pick<Server, 'addService'>): void;
}

/** Call of a method of any kind. Streams have no request. */
interface AnyCall {
  request?: Buffer;
  emit(event: 'error', failure: Failure): boolean;
}

interface Failure {
  readonly code: status;
  readonly details: string;
}

type Handle = (call: AnyCall, respond?: (failure: Failure) => void) => void;

interface LoadedMethod {
  readonly handle: Handle;
  readonly definition: ServiceDefinition[string];
}

/**
 * Adds services of a library to a server. The library is loaded by the first call of one of its methods, because few
 * services get such a call, and parsing the proto files of the library takes longer than the rest of a start.
 *
 * @param methods methods of the services by their paths
 */
export function addLazyServices(
  server: Server,
  methods: Readonly<Record<string, MethodKind>>,
  load: () => Promise<ServiceSource>,
): void {
  let loading: Promise<ReadonlyMap<string, LoadedMethod>> | undefined;
  for (const [path, kind] of Object.entries(methods)) {
    let loaded: LoadedMethod | undefined;
    const handle = async (...[call, respond]: Parameters<Handle>): Promise<void> => {
      try {
        loading ??= load().then(methodsOf);
        loaded ??= (await loading).get(path);
        if (loaded === undefined) throw new Error(`the library does not have ${path}`);
        // Messages of a stream are decoded when the handler reads them.
        if (call.request !== undefined) call.request = loaded.definition.requestDeserialize(call.request);
        loaded.handle(call, respond);
      } catch (error) {
        const failure = { code: status.INTERNAL, details: (error as Error).message };
        if (respond !== undefined) respond(failure);
        else call.emit('error', failure);
      }
    };
    server.register(
      path,
      handle as UntypedHandleCall,
      (message) => loaded?.definition.responseSerialize(message) ?? Buffer.alloc(0),
      kind === 'bidi' ? (bytes) => loaded?.definition.requestDeserialize(bytes) : (bytes) => bytes,
      kind,
    );
  }
}

/** Returns the methods that a library would add to a server. */
function methodsOf(source: ServiceSource): ReadonlyMap<string, LoadedMethod> {
  const methods = new Map<string, LoadedMethod>();
  source.addToServer({
    addService(service: ServiceDefinition, implementation: UntypedServiceImplementation) {
      // As grpc-js finds the function of a method.
      for (const [name, definition] of Object.entries(service)) {
        const handle = implementation[name] ?? implementation[definition.originalName ?? ''];
        if (handle !== undefined) methods.set(definition.path, { handle: handle as Handle, definition });
      }
    },
  });
  return methods;
}
