// Admission takes custom resources as an API server does: by the code that it prunes, defaults and validates them with.
//
// It reads YAML from standard input, CustomResourceDefinitions first, and prints JSON: how many objects are taken, and of
// each other one why not. A key that an API server would prune in silence is a reason, too.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// kind is what an API server knows of one version of a kind.
type kind struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

func main() {
	log.SetFlags(0)
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	kinds, taken, refused := map[string]*kind{}, 0, map[string][]string{}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			log.Fatal(err)
		}
		if object.GetKind() == "CustomResourceDefinition" {
			if err := define(kinds, document); err != nil {
				log.Fatal(err)
			}
			continue
		}
		name := object.GetKind() + " " + object.GetName()
		if problems := judge(kinds[object.GetAPIVersion()+" "+object.GetKind()], object); len(problems) > 0 {
			refused[name] = problems
		} else {
			taken++
		}
	}
	answer := map[string]any{"taken": taken, "refused": refused}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		log.Fatal(err)
	}
}

// define adds every version that a definition serves.
func define(kinds map[string]*kind, document []byte) error {
	var definition v1.CustomResourceDefinition
	if err := yaml.Unmarshal(document, &definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		if !version.Served {
			continue
		}
		var told apiextensions.CustomResourceValidation
		if err := v1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(version.Schema, &told, nil); err != nil {
			return err
		}
		structural, err := schema.NewStructural(told.OpenAPIV3Schema)
		if err != nil {
			return fmt.Errorf("%s: %w", definition.Name, err)
		}
		validator, _, err := validation.NewSchemaValidator(told.OpenAPIV3Schema)
		if err != nil {
			return fmt.Errorf("%s: %w", definition.Name, err)
		}
		rules := cel.NewValidator(structural, true, celconfig.PerCallLimit)
		called := definition.Spec.Group + "/" + version.Name + " " + definition.Spec.Names.Kind
		kinds[called] = &kind{structural, validator, rules}
	}
	return nil
}

// judge returns why an object is refused; nothing for one that is taken.
func judge(known *kind, object *unstructured.Unstructured) []string {
	if known == nil {
		return []string{"no definition of this kind and version"}
	}
	var problems []string
	tracked := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(object.Object, known.structural, true, tracked) {
		problems = append(problems, "unknown field "+path)
	}
	defaulting.Default(object.Object, known.structural)
	errs := validation.ValidateCustomResource(nil, object.Object, known.validator)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, known.structural, object.Object)...)
	if known.rules != nil {
		found, _ := known.rules.Validate(
			context.Background(), nil, known.structural, object.Object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, found...)
	}
	var head struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	raw, err := json.Marshal(object.Object)
	if err != nil {
		return append(problems, err.Error())
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return append(problems, err.Error())
	}
	if head.Metadata.Namespace == "" {
		head.Metadata.Namespace = "default"
	}
	errs = append(errs, apivalidation.ValidateObjectMeta(&head.Metadata, true, apivalidation.NameIsDNSSubdomain, nil)...)
	for _, err := range errs {
		problems = append(problems, err.Error())
	}
	return problems
}
