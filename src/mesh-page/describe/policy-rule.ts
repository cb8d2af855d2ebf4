import { isJsonObject, type Json, type JsonObject, objectsAt, valueAt } from '../../diff/pieces/json.ts';
import { shownAt, shownListAt } from './fields.ts';
import { list } from './words.ts';

/** Returns a sentence about a rule of an AuthorizationPolicy. */
export function policyRuleText(rule: JsonObject, action: string): string {
  const froms = objectsAt(rule, 'from').map((one) => fieldsText(valueAt(one, 'source')));
  const tos = objectsAt(rule, 'to').map((one) => fieldsText(valueAt(one, 'operation')));
  const whens = objectsAt(rule, 'when').map((one) => {
    const [values, notValues] = [shownListAt(one, 'values'), shownListAt(one, 'notValues')];
    const texts = [
      ...(values.length === 0 ? [] : [`is ${values.join(' or ')}`]),
      ...(values.length > 0 && notValues.length === 0 ? [] : [`is not ${list(notValues, 'or')}`]),
    ];
    return `${shownAt(one, 'key')} ${texts.join(' and ')}`;
  });
  const parts = [
    ...(froms.length === 0 ? [] : [`from ${froms.join(', or from ')}`]),
    ...(tos.length === 0 ? [] : [`with ${tos.join(', or with ')}`]),
    ...(whens.length === 0 ? [] : [`where ${list(whens)}`]),
  ];
  const verb = action === 'DENY' ? 'Refuses' : action === 'ALLOW' ? 'Allows' : action === 'AUDIT' ? 'Marks' : 'Checks';
  return `${verb} ${parts.length === 0 ? 'all requests' : `requests ${parts.join(' ')}`}.`;
}

/** Names of fields of AuthorizationPolicy in words. */
const fieldWords: Readonly<Record<string, string>> = {
  principals: 'identity',
  serviceAccounts: 'service account',
  requestPrincipals: 'token',
  namespaces: 'namespace',
  ipBlocks: 'address',
  remoteIpBlocks: 'client address',
  methods: 'method',
  paths: 'path',
  hosts: 'host',
  ports: 'port',
};

function fieldsText(fields: Json | undefined): string {
  if (!isJsonObject(fields)) return 'anything';
  const texts = Object.keys(fields).flatMap((field) => {
    const isNot = field.startsWith('not');
    const plain = isNot ? `${field.charAt(3).toLowerCase()}${field.slice(4)}` : field;
    const values = shownListAt(fields, field);
    if (values.length === 0) return [];
    const word = fieldWords[plain] ?? plain;
    if (values.length === 1 && values[0] === '*') return isNot ? `clients without any ${word}` : `any ${word}`;
    return `${word} ${isNot ? 'other than ' : ''}${values.join(' or ')}`;
  });
  return texts.length === 0 ? 'anything' : list(texts);
}
