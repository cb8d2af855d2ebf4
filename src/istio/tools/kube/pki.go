package main

import (
	"path/filepath"

	"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm"
	"k8s.io/kubernetes/cmd/kubeadm/app/constants"
	"k8s.io/kubernetes/cmd/kubeadm/app/phases/certs"
	"k8s.io/kubernetes/cmd/kubeadm/app/phases/kubeconfig"
)

// Certificates of a control plane, with kubeadm's names of the files. The node has the API server's address, so the
// kubelet's API has its certificate.
func (p *controlPlane) pki(name string) string { return filepath.Join(p.folder, "pki", name) }

// createPKI creates all certificates and the kubeconfig of the administrator as kubeadm does.
func (p *controlPlane) createPKI() error {
	config := &kubeadm.InitConfiguration{
		NodeRegistration: kubeadm.NodeRegistrationOptions{Name: "localhost"},
		LocalAPIEndpoint: kubeadm.APIEndpoint{AdvertiseAddress: p.address, BindPort: apiPort},
		ClusterConfiguration: kubeadm.ClusterConfiguration{
			ClusterName:         "meshmock",
			CertificatesDir:     p.pki(""),
			EncryptionAlgorithm: kubeadm.EncryptionAlgorithmECDSAP256,
			Networking:          kubeadm.Networking{ServiceSubnet: serviceRange, DNSDomain: "cluster.local"},
			APIServer:           kubeadm.APIServer{CertSANs: []string{"127.0.0.1"}},
		},
	}
	if err := certs.CreatePKIAssets(config); err != nil {
		return err
	}
	return kubeconfig.CreateKubeConfigFile(constants.SuperAdminKubeConfigFileName, p.folder, config)
}
