import { runStress } from '../stress-run.ts';
import { calleeEnds } from './callee-ends.ts';
import { collectorStalls } from './collector-stalls.ts';
import { stops, stopsWithoutPreStop } from './stops.ts';

const scenarios = [stops, stopsWithoutPreStop, calleeEnds, collectorStalls];

process.exit(await runStress('chaos', scenarios, process.argv.slice(2)));
