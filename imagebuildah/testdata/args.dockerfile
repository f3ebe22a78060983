#! --build-arg=given=G --build-arg=HTTP_PROXY=p --build-arg=https_proxy=q --build-arg=unknown=u --build-arg=TARGETOS=android
ARG head=H$TARGETARCH
ARG other=${head}2
FROM base
ARG plain
ARG given=default
ARG withdefault=d
ARG head
ARG other=own
ARG HTTP_PROXY
ARG TARGETOS TARGETARCH TARGETPLATFORM
ARG FROMBASE=arg
RUN a
ENV given=env
RUN b
ARG withdefault
ARG a b="x y"
RUN c $plain
ENV X=${missing:-fallback} Y=${given:+set} Z=${given#e}
