/**
 * A board as a resource of Grafana's API, schema v2: the published type of its spec, and of metadata what we write.
 */

import { Element, Spec } from '@grafana/schema/apis/dashboard.grafana.app/v2beta1';

/** The generator forgets what the values of a `Record` are; that of panels is written out for it. */
interface Board extends Omit<Spec, 'elements'> {
  elements: { [name: string]: Element };
}

export interface Manifest {
  apiVersion: 'dashboard.grafana.app/v2beta1';
  kind: 'Dashboard';
  metadata: {
    /** @pattern ^[a-zA-Z0-9._-]{1,253}$ */
    name: string;
    annotations?: { [key: string]: string };
  };
  spec: Board;
}
