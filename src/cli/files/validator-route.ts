import type { Node } from 'yaml';
import type {
  Delegate,
  HeaderChanges,
  HeaderOperations,
  Redirect,
  Rewrite,
  RouteDestination,
} from '../../cases/asserted-route.ts';
import { text, wholeNumber } from '../../options/option-values.ts';
import { readHeaders } from './header-fields.ts';
import { authority } from './validator-request.ts';
import type { YamlFile } from './yaml-file.ts';

/** Reads the destinations of a route. @throws MeshmockError `usage` with line and column */
export function readDestinations(yaml: YamlFile, node: Node): RouteDestination[] {
  return yaml.list(node, 'destination: { host: users }').map((item) => readDestination(yaml, item));
}

function readDestination(yaml: YamlFile, node: Node): RouteDestination {
  const fields = yaml.fields(node, ['destination', 'weight', 'headers'], 'a destination with an optional weight');
  const inner = yaml.required(node, fields, 'destination', '{ host: users }');
  const destination = yaml.fields(inner, ['host', 'port', 'subset'], 'a host with an optional port and subset');
  return {
    host: yaml.parseScalar(yaml.required(inner, destination, 'host', 'users'), text),
    port: yaml.optionalNode(destination, 'port', (value) => {
      const port = yaml.fields(value, ['number'], 'the number of a port');
      return yaml.parseScalar(yaml.required(value, port, 'number', '80'), portNumber);
    }),
    subset: yaml.optionalScalar(destination, 'subset', text),
    weight: yaml.optionalScalar(fields, 'weight', wholeNumber(0, 100)),
    headers: yaml.optionalNode(fields, 'headers', (value) => readHeaderChanges(yaml, value)),
  };
}

/** @throws MeshmockError `usage` with line and column */
export function readRedirect(yaml: YamlFile, node: Node): Redirect {
  const known = ['uri', 'authority', 'scheme', 'port', 'redirectCode'];
  const fields = yaml.fields(node, known, 'a redirect, such as "uri: /v2"');
  return {
    uri: yaml.optionalScalar(fields, 'uri', text),
    authority: yaml.optionalScalar(fields, 'authority', authority),
    scheme: yaml.optionalScalar(fields, 'scheme', text),
    port: yaml.optionalScalar(fields, 'port', portNumber),
    status: yaml.optionalScalar(fields, 'redirectCode', wholeNumber(300, 399)) ?? 301,
  };
}

/** @throws MeshmockError `usage` with line and column */
export function readRewrite(yaml: YamlFile, node: Node): Rewrite {
  const fields = yaml.fields(node, ['uri', 'authority', 'uriRegexRewrite'], 'a rewrite, such as "uri: /v2"');
  return {
    uri: yaml.optionalScalar(fields, 'uri', text),
    authority: yaml.optionalScalar(fields, 'authority', text),
    regex: yaml.optionalNode(fields, 'uriRegexRewrite', (value) => {
      const regex = yaml.fields(value, ['match', 'rewrite'], 'match and rewrite');
      return {
        match: yaml.parseScalar(yaml.required(value, regex, 'match', '^/v1/(.*)$'), text),
        rewrite: yaml.parseScalar(yaml.required(value, regex, 'rewrite', '/v2/\\1'), text),
      };
    }),
  };
}

/**
 * Reads the header changes of a route or of a destination.
 *
 * @throws MeshmockError `usage` with line and column
 */
export function readHeaderChanges(yaml: YamlFile, node: Node): HeaderChanges {
  const fields = yaml.fields(node, ['request', 'response'], 'headers of the request or the response');
  return {
    request: readOperations(yaml, fields.get('request')),
    response: readOperations(yaml, fields.get('response')),
  };
}

function readOperations(yaml: YamlFile, node: Node | undefined): HeaderOperations {
  if (node === undefined) return { set: [], add: [], remove: [] };
  const fields = yaml.fields(node, ['set', 'add', 'remove'], 'headers to set, add or remove');
  const removed = yaml.optionalNode(fields, 'remove', (list) =>
    yaml.list(list, 'x-name').map((item) => yaml.parseScalar(item, text).toLowerCase()),
  );
  return {
    set: readHeaders(yaml, fields.get('set')),
    add: readHeaders(yaml, fields.get('add')),
    remove: removed ?? [],
  };
}

/** @throws MeshmockError `usage` with line and column */
export function readDelegate(yaml: YamlFile, node: Node): Delegate {
  const fields = yaml.fields(node, ['name', 'namespace'], 'the name of a VirtualService');
  return {
    name: yaml.parseScalar(yaml.required(node, fields, 'name', 'users'), text),
    namespace: yaml.optionalScalar(fields, 'namespace', text),
  };
}

const portNumber = wholeNumber(1, 65_535);
