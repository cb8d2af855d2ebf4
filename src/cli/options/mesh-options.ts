import { label, text, wholeNumber } from '../../options/option-values.ts';

/** Options of all commands that start a local mesh. */
export const meshOptions = {
  meshConfig: {
    parse: text,
    value: 'FILE',
    help: 'mesh configuration of Istio, as YAML',
    isPath: true,
  },
  profile: { parse: label, value: 'NAME', help: "profile of Istio's installation, such as demo" },
  istioValues: { parse: text, value: 'FILE', help: "Helm values of istiod's chart", isPath: true },
  maxReplicas: {
    parse: wholeNumber(1, 1000),
    value: 'N',
    help: 'maximum number of replicas of a workload; by default those of the manifests, or 1 if memory is short',
  },
} as const;
