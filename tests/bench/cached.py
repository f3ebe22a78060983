"""Rebuilds of what has not changed."""
import time

from workloads import BASE, many_files

TWENTY = ("".join(f"ENV V{i}={i}\n" for i in range(6)) + "WORKDIR /app\nCOPY data /app\n"
          + "".join(f"RUN echo {i} > /r{i}\n" for i in range(6))
          + "LABEL a=b\nUSER nobody\nEXPOSE 80\nVOLUME /v\nENTRYPOINT [\"/bin/sh\"]\nCMD [\"-c\", \"true\"]\n")


def again(tool, context):
    """Builds what is known; gives the seconds."""
    tool.peak = 0.0
    start = time.monotonic()
    tool.build(context, "localhost/twenty", cached=True)
    return time.monotonic() - start


def rebuild(count):
    """20 steps, with a context of so many files. The first time it is built."""
    def work(tool, ground):
        context = ground.context(f"twenty{count}", TWENTY, many_files(count))
        if tool.once(f"twenty{count}"):
            tool.build(context, "localhost/twenty", cached=True)
            time.sleep(0.1)  # what was made a moment ago is looked at again
        return again(tool, context)
    return work


def among(images, work):
    """The work in a store that has so many images more."""
    def among_many(tool, ground):
        if tool.once("images"):
            context = ground.context("fill", "")
            for k in range(images // 20):
                with open(f"{context}/Dockerfile", "w") as f:
                    f.write(f"FROM {BASE}\n" + "".join(f"COPY Dockerfile /f{k}-{i}\n" for i in range(20)))
                tool.build(context, f"localhost/fill{k}", cached=True)
        return work(tool, ground)
    return among_many


CACHED = {
    "cached20": ("20 steps again, 30,000 files, nothing has changed", rebuild(30000)),
    "cached20_500imgs": ("the same with 500 more images in the store", among(500, rebuild(30000))),
}

CACHED_LARGE = {
    "cached_100k": ("20 steps again, 100,000 files, nothing has changed", rebuild(100000)),
}
