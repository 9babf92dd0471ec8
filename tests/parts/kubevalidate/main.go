// kubevalidate says what a real API server would say to manifests, without one: it decodes them
// strictly, fills defaults and runs the API server's own create strategies, and it checks custom
// resources against the published definitions beside the program. It changes nothing and talks to nobody.
//
//	kubevalidate [--restricted] [--namespace NS] [FILE…]   (standard input without files)
//
// With --restricted every pod template also has to pass the restricted pod security standard.
// Prints one line a problem; exit 1 when there are any, 2 when the input can't be read.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// checker holds what stays the same for all documents of one run.
type checker struct {
	restricted bool
	namespace  string
	custom     customResources
}

func main() {
	restricted := flag.Bool("restricted", false, "also demand the restricted pod security standard")
	namespace := flag.String("namespace", "default", "namespace of objects that name none")
	flag.Parse()
	custom, err := loadCustomResources()
	if err != nil {
		fatal(err)
	}
	c := checker{restricted: *restricted, namespace: *namespace, custom: custom}
	problems, objects, err := c.files(flag.Args())
	if err != nil {
		fatal(err)
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	fmt.Fprintf(os.Stderr, "%d objects, %d problems\n", objects, len(problems))
	if len(problems) > 0 {
		os.Exit(1)
	}
	if objects == 0 {
		fatal(errors.New("no objects in the input"))
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "kubevalidate:", err)
	os.Exit(2)
}

// files checks all files, or standard input when there are none.
func (c checker) files(paths []string) (problems []string, objects int, err error) {
	if len(paths) == 0 {
		return c.stream("stdin", os.Stdin)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, 0, err
		}
		found, count, err := c.stream(path, bytes.NewReader(content))
		if err != nil {
			return nil, 0, err
		}
		problems, objects = append(problems, found...), objects+count
	}
	return problems, objects, nil
}

// stream checks the documents of one YAML stream.
func (c checker) stream(name string, input io.Reader) (problems []string, objects int, err error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(input))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return problems, objects, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		}
		var content map[string]any
		if err := yaml.UnmarshalStrict(document, &content); err != nil {
			problems = append(problems, fmt.Sprintf("%s: document %d: %v", name, objects+1, err))
			objects++
			continue
		}
		if len(content) == 0 {
			continue
		}
		objects++
		// Through JSON, because that keeps integers integers, as the API server has them; the rules of custom resources care.
		object := &unstructured.Unstructured{}
		if err := decode(document, object); err != nil {
			problems = append(problems, fmt.Sprintf("%s: document %d: %v", name, objects, err))
			continue
		}
		for _, problem := range c.object(object, document) {
			problems = append(problems, fmt.Sprintf("%s: %s %s: %s", name, object.GetKind(), object.GetName(), problem))
		}
	}
}

func decode(document []byte, object *unstructured.Unstructured) error {
	raw, err := yaml.YAMLToJSON(document)
	if err != nil {
		return err
	}
	return object.UnmarshalJSON(raw)
}

// object checks one object by the rules of its kind.
func (c checker) object(object *unstructured.Unstructured, document []byte) []string {
	kind := object.GroupVersionKind()
	if schema, ok := c.custom[kind]; ok {
		return schema.check(object)
	}
	strategy, ok := strategies[kind]
	if !ok {
		return []string{fmt.Sprintf("no rules for %s; add them to strategies.go or to the custom resource definitions", kind)}
	}
	return c.builtin(document, strategy)
}
