package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Certificates of a control plane, as PEM files in one folder: ca, apiserver, admin, kubelet-client (the API server
// when it calls the kubelet's API), kubelet (that API), each as NAME.crt and NAME.key, and service-account.key.
type pki struct {
	folder string
	ca     *x509.Certificate
	caKey  *ecdsa.PrivateKey
}

// A mesh lives for hours. Clocks of virtual machines can be behind.
const (
	validBefore = time.Hour
	validFor    = 365 * 24 * time.Hour
)

func (p pki) crt(name string) string { return filepath.Join(p.folder, name+".crt") }
func (p pki) key(name string) string { return filepath.Join(p.folder, name+".key") }

// createPKI creates all certificates of a control plane that serves at an address.
func createPKI(folder string, address, serviceAddress net.IP) (*pki, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	p := &pki{folder: folder}
	if err := p.create("ca", &x509.Certificate{
		Subject:               pkix.Name{CommonName: "kubernetes"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}); err != nil {
		return nil, err
	}
	server := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	admin := pkix.Name{CommonName: "kubernetes-admin", Organization: []string{"system:masters"}}
	for name, template := range map[string]*x509.Certificate{
		"apiserver": {
			Subject:     pkix.Name{CommonName: "kube-apiserver"},
			ExtKeyUsage: server,
			IPAddresses: []net.IP{address, serviceAddress, net.IPv4(127, 0, 0, 1)},
			DNSNames: []string{
				"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
				"kubernetes.default.svc.cluster.local",
			},
		},
		"admin":          {Subject: admin, ExtKeyUsage: client},
		"kubelet-client": {Subject: pkix.Name{CommonName: "kube-apiserver-kubelet-client"}, ExtKeyUsage: client},
		"kubelet":        {Subject: pkix.Name{CommonName: "kubelet"}, ExtKeyUsage: server, IPAddresses: []net.IP{address}},
	} {
		if err := p.create(name, template); err != nil {
			return nil, err
		}
	}
	_, err := newKey(p.key("service-account"))
	return p, err
}

// create creates a key and a certificate. The first certificate is the authority of the others.
func (p *pki) create(name string, template *x509.Certificate) error {
	key, err := newKey(p.key(name))
	if err != nil {
		return err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return err
	}
	template.NotBefore = time.Now().Add(-validBefore)
	template.NotAfter = time.Now().Add(validFor)
	if !template.IsCA {
		template.KeyUsage = x509.KeyUsageDigitalSignature
	}
	parent, signer := p.ca, p.caKey
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	if p.ca == nil {
		if p.ca, err = x509.ParseCertificate(der); err != nil {
			return err
		}
		p.caKey = key
	}
	return writePEM(p.crt(name), "CERTIFICATE", der)
}

func newKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(file, "EC PRIVATE KEY", der)
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// writeKubeconfig writes the kubeconfig of the administrator. A program that sees the file sees it whole.
func (p *pki) writeKubeconfig(file, server string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["meshmock"] = &clientcmdapi.Cluster{Server: server, CertificateAuthority: p.crt("ca")}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{ClientCertificate: p.crt("admin"), ClientKey: p.key("admin")}
	config.Contexts["meshmock"] = &clientcmdapi.Context{Cluster: "meshmock", AuthInfo: "admin"}
	config.CurrentContext = "meshmock"
	if err := clientcmd.WriteToFile(*config, file+".new"); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
