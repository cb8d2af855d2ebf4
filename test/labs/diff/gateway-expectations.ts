import type { LabExpectations } from './expected.ts';

const partner = ['partner.outside'];
const bank = ['bank.outside'];
const shop = ['shop.example.com'];

/** Expectations of the labs whose requests enter or leave the mesh, by their folder. */
export const gatewayExpectations: Readonly<Record<string, LabExpectations>> = {
  egress: {
    change: { to: ['partner.outside', 'tracker.outside'], kinds: ['refused'] },
    files: {
      'registry-only.yaml': { to: ['partner.outside', 'tracker.outside'], kinds: ['allowed'] },
      'service-entry.yaml': { to: partner, kinds: ['refused'] },
      'timeout.yaml': { to: partner, kinds: ['timeout'] },
    },
  },
  'egress-gateway': {
    change: { to: partner, kinds: ['refused'] },
    files: {
      'gateway.yaml': { to: partner, kinds: ['refused'], from: ['gateway'] },
      'through-gateway.yaml': { to: partner, kinds: ['refused'], from: ['gateway'] },
    },
    mutations: {
      'a route that the sidecars do not have': { to: partner, kinds: ['allowed'], from: ['service1'] },
      'a policy for another identity': { to: partner, kinds: ['refused'], from: ['gateway'] },
      'a policy for a host without its port': { to: partner, kinds: ['refused'], from: ['gateway'] },
      'a policy in another namespace than the egress gateway': { to: partner, kinds: ['allowed'], from: ['service1'] },
    },
  },
  'egress-gateway-tls': {
    change: { to: bank, kinds: ['allowed'] },
    files: {
      'originate.yaml': { to: bank, kinds: ['refused'] },
      'through-gateway.yaml': { to: bank, kinds: ['refused'] },
    },
    mutations: { 'another name of the server in TLS': { to: bank, kinds: ['server_name'] } },
  },
  'egress-tls-origination': {
    change: { to: bank, kinds: ['allowed'] },
    files: {
      'originate.yaml': { to: bank, kinds: ['refused'] },
      'service-entry.yaml': { to: bank, kinds: ['refused'] },
      'timeout.yaml': { to: bank, kinds: ['timeout'] },
    },
    mutations: {
      'another name of the server in TLS': { to: bank, kinds: ['server_name'] },
      'TLS for every port of the host': { to: bank, kinds: [], listed: /connections to any address, port 8443/ },
    },
  },
  'egress-wildcard': { change: { to: [], kinds: [], listed: /connections to any address, port 8443|hosts? .*\*/ } },
  ingress: {
    change: { to: shop, kinds: ['allowed'] },
    files: { 'virtual-service.yaml': { to: shop, kinds: ['refused'] } },
    mutations: {
      'a missing rewrite': { to: shop, kinds: ['path'] },
      'a path prefix without its slash': { to: shop, kinds: ['allowed'] },
    },
  },
  'ingress-gateway-api': {
    change: { to: shop, kinds: ['allowed'] },
    files: { 'http-route.yaml': { to: shop, kinds: ['refused'] } },
    mutations: { 'another replacement of a prefix': { to: shop, kinds: ['path'] } },
  },
  'secure-ingress': {
    change: { to: ['shop.example.com', 'partners.example.com'], kinds: ['allowed'] },
    mutations: {
      // A gateway keeps the certificate of a Secret that is deleted.
      'a Secret in another namespace than the gateway': { to: [], kinds: [], listed: /Secret shop-cert/ },
      'the certificate of another host': { to: shop, kinds: ['refused'] },
      'a renamed host of a server': { to: shop, kinds: ['refused'] },
      'a route for another host': { to: ['shop.example.com', 'partners.example.com'], kinds: ['destination'] },
      'a misspelled gateway of a route for TLS': { to: [], kinds: [], listed: /connections to port 8443/ },
      'a host without client certificates': { to: ['partners.example.com'], kinds: ['allowed'] },
      'optional client certificates': { to: ['partners.example.com'], kinds: ['allowed'] },
    },
  },
};
