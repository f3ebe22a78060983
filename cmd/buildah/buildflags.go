package main

import "github.com/projectatomic/buildah/builder"

// buildFlags are the flags of `build`, in groups by what they are about.
type buildFlags struct {
	lint      checkFlags
	source    sourceFlags
	contexts  contextFlags
	stages    stageFlags
	policy    policyFlags
	sbom      sbomFlags
	usage     rusageFlags
	progress  progressFlags
	result    resultFlags
	deliver   deliverFlags
	args      argFlags
	overrides overrideFlags
	caching   cacheFlags
	reuse     reuseFlags
	sharing   sharingFlags
	metadata  builder.Metadata
	registry  registryFlags
	pull      pullFlags
	platform  platformFlags
	lists     listFlags
	push      pushFlags
	times     timeFlags
	creation  creation
	running   runningFlags
	script    scriptFlags
	failure   failureFlags
	allow     allowFlags
	secrets   secretFlags
	jobs      jobsFlags
}

// sourceFlags say what is built.
type sourceFlags struct {
	files      []string
	ignoreFile string
	from       string
	cppFlags   []string
}

// resultFlags say where the result goes, and what is told about it.
type resultFlags struct {
	tags                              []string
	format                            string
	iidFile, iidFileRaw, metadataFile string
	logFile                           string
	quiet, ignored                    bool
	labels                            []string
	outputs                           []string
}

// overrideFlags say what is different from the Dockerfile and its bases.
type overrideFlags struct {
	env                               []string
	inheritLabels, inheritAnnotations bool
	osVersion                         string
	osFeatures                        []string
}

// argFlags are the build arguments.
type argFlags struct {
	args, files []string
}

// cacheFlags are about steps as images.
type cacheFlags struct {
	layers, noCache, squash bool
	rm, forceRm             bool
	asked                   struct{ layers, noCache, rm, forceRm bool }
}

// runningFlags are about RUN.
type runningFlags struct {
	runtime      string
	runtimeFlags []string
	mounts       []string
	stdin        bool
	noHosts      bool
	noHostname   bool
	dropVolumes  bool
	hooks        []string
}

func (f *sourceFlags) options() []*option {
	return []*option{
		arrayOption("cpp-flag", "FLAG", &f.cppFlags, "flag for the preprocessor of files whose name ends in .in"),
		listOption("file,f", "FILE", &f.files, "read the Dockerfile from FILE; - is standard input"),
		textOption("from", "IMAGE", &f.from, "take IMAGE in place of that of the first FROM"),
		textOption("ignorefile", "FILE", &f.ignoreFile, "ignore file, instead of the one in the context"),
	}
}

func (f *resultFlags) options() []*option {
	return []*option{
		textOption("format", "FORMAT", &f.format, "format of the image: oci or docker").shows("oci"),
		manifestTypeOption(storedFormat(&f.format)),
		textOption("iidfile", "FILE", &f.iidFile, "write the ID of the image to FILE, not to standard output"),
		textOption("iidfile-raw", "FILE", &f.iidFileRaw, "the same, without sha256: in front"),
		arrayOption("label", "KEY[=VALUE]", &f.labels, "set a label of the image"),
		textOption("logfile", "FILE", &f.logFile, "write all output to FILE"),
		textOption("metadata-file", "FILE", &f.metadataFile, "write digests of the image to FILE as JSON"),
		arrayOption("output,o", "SPEC", &f.outputs, "where else the result goes: files (a directory, type=local or tar) or the image (type=registry, image, oci or docker)"),
		boolOption("quiet,q", &f.quiet, "write only the ID of the image"),
		arrayOption("tag,t", "NAME", &f.tags, "name of the image, or where to write it"),
	}
}

// accepted are flags that have never had an effect, or have none any more.
func (f *resultFlags) accepted() []*option {
	ignored := ""
	return []*option{
		boolOption("compress", &f.ignored, "accepted, without an effect").hide(),
		boolOption("disable-content-trust", &f.ignored, "accepted, without an effect").hide(),
		textOption("loglevel", "N", &ignored, "accepted, without an effect").hide(),
	}
}

func (f *argFlags) options() []*option {
	return []*option{
		arrayOption("build-arg", "NAME[=VALUE]", &f.args, "value of an ARG; without a value take the caller's variable"),
		arrayOption("build-arg-file", "FILE", &f.files, "read values of ARGs from FILE"),
	}
}

func (f *overrideFlags) options() []*option {
	f.inheritLabels, f.inheritAnnotations = true, true
	return []*option{
		arrayOption("env", "NAME[=VALUE]", &f.env, "set a variable in every stage; without a value take the caller's"),
		boolOption("inherit-annotations", &f.inheritAnnotations, "keep the annotations of bases"),
		boolOption("inherit-labels", &f.inheritLabels, "keep the labels of bases"),
		arrayOption("os-feature", "FEATURE", &f.osFeatures, "add a feature that the operating system must have; FEATURE- takes it away"),
		textOption("os-version", "VERSION", &f.osVersion, "set the version of the operating system"),
	}
}

func metadataFlags(m *builder.Metadata) []*option {
	return []*option{
		collect("annotation", "KEY[=VALUE]", &m.Annotations, "set an annotation of the manifest", manifestAnnotation),
		newOption("created-annotation", "", "set the annotation that says when the image was made", choose(&m.CreatedAnnotation)).shows("true"),
		newOption("identity-label", "", "set the label io.buildah.version", choose(&m.Identity)).shows("true"),
		arrayOption("layer-label", "KEY[=VALUE]", &m.LayerLabels, "set a label of the images of steps"),
		boolOption("omit-history", &m.OmitHistory, "leave the history of the image empty"),
		listOption("unsetannotation", "KEY", &m.UnsetAnnotations, "drop an annotation of the base"),
		listOption("unsetenv", "NAME", &m.UnsetEnv, "drop a variable"),
		listOption("unsetlabel", "KEY", &m.UnsetLabels, "drop a label"),
	}
}

func (f *cacheFlags) options(p *program) []*option {
	f.layers, f.rm = p.layersByDefault(), true
	return []*option{
		noting(boolOption("force-rm", &f.forceRm, "remove the working container also after a failure"), &f.asked.forceRm),
		noting(boolOption("layers", &f.layers, "keep an image of each step"), &f.asked.layers),
		noting(boolOption("no-cache", &f.noCache, "carry out every step anew"), &f.asked.noCache),
		noting(boolOption("rm", &f.rm, "remove working containers after success"), &f.asked.rm),
		boolOption("squash", &f.squash, "make one layer of everything"),
	}
}

func (f *runningFlags) options() []*option {
	return []*option{
		boolOption("compat-volumes", &f.dropVolumes, "drop what RUN changes below a VOLUME"),
		arrayOption("hooks-dir", "DIR", &f.hooks, "directory of OCI hooks for RUN"),
		arrayOption("mount", "type=TYPE,...", &f.mounts, "mount for every RUN"),
		boolOption("no-hostname", &f.noHostname, "leave the image's /etc/hostname alone"),
		boolOption("no-hosts", &f.noHosts, "leave the image's /etc/hosts alone"),
		textOption("runtime", "PROGRAM", &f.runtime, "OCI runtime, by name or path"),
		listOption("runtime-flag", "FLAG", &f.runtimeFlags, "flag for the runtime, without the leading --"),
		boolOption("stdin", &f.stdin, "RUN reads the standard input of the caller"),
	}
}
