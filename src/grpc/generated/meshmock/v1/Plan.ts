// Original file: proto/meshmock/v1/meshmock.proto

import type { Directive as _meshmock_v1_Directive, Directive__Output as _meshmock_v1_Directive__Output } from '../../meshmock/v1/Directive.ts';
import type { Stage as _meshmock_v1_Stage, Stage__Output as _meshmock_v1_Stage__Output } from '../../meshmock/v1/Stage.ts';
import type { Plan as _meshmock_v1_Plan, Plan__Output as _meshmock_v1_Plan__Output } from '../../meshmock/v1/Plan.ts';

export interface Plan {
  'directives'?: (_meshmock_v1_Directive)[];
  'stages'?: (_meshmock_v1_Stage)[];
  'then'?: (_meshmock_v1_Plan | null);
  'uri'?: (string);
}

export interface Plan__Output {
  'directives'?: (_meshmock_v1_Directive__Output)[];
  'stages'?: (_meshmock_v1_Stage__Output)[];
  'then'?: (_meshmock_v1_Plan__Output);
  'uri'?: (string);
}
