import { yamlOf } from '../../mesh-page/object-texts.ts';
import type { ActingObject, ActingPart, EdgeDetails } from '../../page/model/mesh-page-data.ts';
import { formatDirective } from '../../plan/format.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { noLimits } from '../../plan/plan.ts';
import type { VersionEntry } from '../files/mesh-file.ts';
import { canFail, directiveWords } from './directive-words.ts';

/**
 * Returns what the mesh file gives to the versions of a callee.
 *
 * @param versions versions of the callee; undefined if it is not a service of the mesh
 */
export function settingsOfEdge(id: string, versions: readonly VersionEntry[] | undefined): EdgeDetails {
  if (versions === undefined)
    return {
      id,
      objects: [],
      notes: ['The callee is not a service of this mesh, so the mesh file has nothing about it.'],
    };
  return {
    id,
    objects: versions.map(actingVersion),
    notes: [
      'Directives in the URL of a call, such as /~status=503, act too. They are not in this list.',
      'A call that is made again after a failure counts once for each attempt.',
    ],
  };
}

function actingVersion(entry: VersionEntry): ActingObject {
  const { version, replicas, settings } = entry;
  const parts = [...directiveParts(entry), ...roleParts(entry)];
  return {
    id: `version ${version}`,
    kind: 'version',
    namespace: '',
    name: version,
    changedMs: 0,
    about: `${replicas} ${replicas === 1 ? 'process' : 'processes'}. ${parts.length === 0 ? 'Does nothing but what the URL of a call says.' : 'For each call, it does this:'}`,
    yaml: yamlOf({ version, replicas, ...settings }),
    side: 'callee',
    parts,
  };
}

function directiveParts({ settings, places }: VersionEntry): ActingPart[] {
  const { behaviour } = settings;
  if (behaviour === undefined) return [];
  return parseDirectives(behaviour, noLimits).map((directive) =>
    part('behaviour', `/~${formatDirective(directive)}`, directiveWords(directive), places, canFail(directive)),
  );
}

function roleParts({ settings: { upstream, content, answers }, places }: VersionEntry): ActingPart[] {
  return [
    ...(upstream === undefined ? [] : [part('upstream', upstream, `passes the call on to ${upstream}`, places)]),
    ...(content === undefined ? [] : [part('content', content, `answers as a web server, with “${content}”`, places)]),
    ...(answers === undefined ? [] : [part('answers', answers, `answers as ${answers} says`, places)]),
  ];
}

function part(path: string, yaml: string, text: string, places: VersionEntry['places'], canRefuse = false): ActingPart {
  const where = places[path];
  return { path, text, canRefuse, yaml, ...(where === undefined ? {} : { where }) };
}
